import numpy as np
import pytest
import torch

from nnunetv2.training.steps.epoch_metrics import (
    Counts,
    counts_by_domain,
    hard_counts,
    merge_domain_counts,
    total_counts,
)


def slow_counts(prediction: np.ndarray, target: np.ndarray, valid: np.ndarray) -> list[int]:
    tp = fp = fn = 0
    for p, t, v in zip(prediction.ravel(), target.ravel(), valid.ravel(), strict=True):
        tp += int(p and t and v)
        fp += int(p and not t and v)
        fn += int(not p and t and v)
    return [tp, fp, fn]


def as_lists(counts: dict[str, np.ndarray]) -> list[list[float]]:
    return np.stack([counts["tp_hard"], counts["fp_hard"], counts["fn_hard"]], axis=1).tolist()


@pytest.mark.parametrize("space", [(5, 4), (3, 2, 4)])
@pytest.mark.parametrize("ignore", [None, 3])
def test_label_counts_equal_a_slow_loop(space: tuple[int, ...], ignore: int | None) -> None:
    generator = torch.Generator().manual_seed(1)
    output = torch.randn((2, 3, *space), generator=generator)
    target = torch.randint(0, 3 if ignore is None else 4, (2, 1, *space), generator=generator, dtype=torch.int16)
    before = target.clone()

    counts = hard_counts(output, target, has_regions=False, ignore_label=ignore)

    predicted, labels = output.argmax(1, keepdim=True).numpy(), target.numpy()
    valid = np.ones_like(labels, dtype=bool) if ignore is None else labels != ignore
    assert as_lists(counts) == [slow_counts(predicted == c, labels == c, valid) for c in (1, 2)]
    assert torch.equal(target, before)


@pytest.mark.parametrize("ignore", [None, 3])
def test_region_counts_equal_a_slow_loop(ignore: int | None) -> None:
    generator = torch.Generator().manual_seed(2)
    output = torch.randn((2, 2, 4, 4), generator=generator)
    target = torch.rand((2, 2 if ignore is None else 3, 4, 4), generator=generator) > 0.5

    counts = hard_counts(output, target, has_regions=True, ignore_label=ignore)

    predicted, regions = (torch.sigmoid(output) > 0.5).numpy(), target.numpy()
    valid = np.ones_like(regions[:, 0]) if ignore is None else ~regions[:, 2]
    assert as_lists(counts) == [slow_counts(predicted[:, r], regions[:, r], valid) for r in (0, 1)]


def test_dice_of_an_absent_class_is_nan() -> None:
    assert Counts(np.array([2.0, 0]), np.array([1.0, 0]), np.array([1.0, 0])).dice() == [
        pytest.approx(2 / 3),
        pytest.approx(float("nan"), nan_ok=True),
    ]


def test_steps_are_summed_over_the_epoch_and_by_domain() -> None:
    steps = np.array([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]])
    outputs = {"tp_hard": steps, "fp_hard": steps, "fn_hard": steps, "domain": ["a", "b", "a"]}

    assert total_counts(outputs).tp.tolist() == [111, 222]
    by_domain = counts_by_domain(outputs)
    assert {name: counts.tp.tolist() for name, counts in by_domain.items()} == {"a": [101, 202], "b": [10, 20]}


def test_steps_of_another_trainer_that_name_no_domain_give_none() -> None:
    assert counts_by_domain({"tp_hard": np.ones((2, 1)), "fp_hard": np.ones((2, 1)), "fn_hard": np.ones((2, 1))}) == {}


def test_an_epoch_with_a_step_of_no_single_domain_gives_none() -> None:
    steps = np.ones((2, 1))

    assert counts_by_domain({"tp_hard": steps, "fp_hard": steps, "fn_hard": steps, "domain": ["a", ""]}) == {}


def test_ranks_may_have_different_domains_but_each_must_know_its_own() -> None:
    one = Counts(np.array([1.0]), np.array([2.0]), np.array([3.0]))

    merged = merge_domain_counts([{"a": one}, {"a": one, "b": one}])

    assert merged["a"].fn.tolist() == [6]
    assert merged["b"].fn.tolist() == [3]
    assert merge_domain_counts([{"a": one}, {}]) == {}
