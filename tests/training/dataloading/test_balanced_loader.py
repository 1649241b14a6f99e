import pickle
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from nnunetv2.training.dataloading.balanced_loader import BalancedDataLoader, balanced_class
from nnunetv2.training.dataloading.data_loader import nnUNetDataLoader
from nnunetv2.training.dataloading.shared_ratios import SharedRatios
from nnunetv2.training.dataloading.supervised_augmenter import SupervisedAugmenter
from tests.training.dataloading.datasets import LABELS, NumberDataset

CASES = [f"case_{i}" for i in range(10)]
DOMAINS = {case: "large" if i < 8 else "small" for i, case in enumerate(CASES)}


def make(batch_size: int = 3, ratios: Mapping[str, float] | None = None, **options: Any) -> BalancedDataLoader:
    ratios = ratios or {"large": 0.5, "small": 0.5}
    return BalancedDataLoader(
        NumberDataset(10), batch_size, (8, 8), (8, 8), LABELS, 0.33, case_domains=DOMAINS, ratios=ratios, **options
    )


def domains_of(loaders: list[BalancedDataLoader], steps: int) -> list[str]:
    """Return the domains of all slots in sequence, given the loaders of all ranks."""
    return [DOMAINS[case] for _ in range(steps) for loader in loaders for case in loader.get_indices()]


@pytest.mark.parametrize("batch_size", [1, 2, 3, 5])
def test_every_window_of_slots_holds_the_ratios(batch_size) -> None:
    row = domains_of([make(batch_size, {"large": 0.7, "small": 0.3})], steps=60)
    for width in (1, 2, 5, 10, 30):
        for start in range(len(row) - width):
            assert abs(row[start : start + width].count("small") - 0.3 * width) < 1


def test_the_cases_of_a_domain_are_equally_likely() -> None:
    loader = make(batch_size=4)
    drawn = Counter(case for _ in range(1000) for case in loader.get_indices())
    assert drawn["case_8"] == pytest.approx(1000, abs=120)
    assert drawn["case_0"] == pytest.approx(250, abs=80)


def test_batches_look_like_those_of_the_plain_loader() -> None:
    batch = next(make())
    plain = next(nnUNetDataLoader(NumberDataset(10), 3, (8, 8), (8, 8), LABELS, 0.33))
    assert list(batch) == list(plain)
    assert batch["data"].shape == plain["data"].shape
    assert batch["keys"].shape == plain["keys"].shape


def test_processes_that_take_turns_make_one_sequence() -> None:
    workers = []
    for number in range(3):
        workers.append(make())
        workers[-1].number_of_threads_in_multithreaded = 3
        workers[-1].set_thread_id(number)
    assert domains_of(workers, steps=4) == domains_of([make()], steps=12)


def test_changed_ratios_hold_from_the_next_batch_on_for_all_processes() -> None:
    ratios = {"large": 0.5, "small": 0.5}
    workers = [make(2, ratios) for _ in range(2)]
    for number, worker in enumerate(workers):
        worker.number_of_threads_in_multithreaded = 2
        worker.set_thread_id(number)
    domains_of(workers, steps=3)
    ratios.update(large=0.9, small=0.1)
    assert domains_of(workers, steps=10) == domains_of([make(2, ratios)], steps=20)


def test_ranks_with_batches_of_different_sizes_share_one_sequence() -> None:
    ranks = [make(3, stream=(0, 5)), make(2, stream=(3, 5))]
    assert domains_of(ranks, steps=6) == domains_of([make(5)], steps=6)


def test_a_ratio_without_cases_is_refused() -> None:
    with pytest.raises(RuntimeError, match="without a training case: tiny"):
        make(ratios={"large": 0.5, "small": 0.3, "tiny": 0.2})


@pytest.mark.parametrize(("count", "message"), [(1, r"\(1\): case_10; add"), (11, r"\(11\): case_10, .*, \.\.\.; add")])
def test_cases_without_a_domain_are_refused(count: int, message: str) -> None:
    with pytest.raises(RuntimeError, match=f"without a domain {message} them to domains.json"):
        BalancedDataLoader(
            NumberDataset(10 + count), 2, (8, 8), (8, 8), LABELS, case_domains=DOMAINS, ratios={"large": 1, "small": 1}
        )


class Brighter(nnUNetDataLoader):
    """A client's loader that changes the batches."""

    def generate_train_batch(self) -> dict[str, Any]:
        batch = super().generate_train_batch()
        return {**batch, "data": batch["data"] + 1000}


class Weighted(nnUNetDataLoader):
    """A client's loader that prefers some cases."""

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self.sampling_probabilities = [0.0 if case in ("case_0", "case_9") else 1 / 8 for case in self.indices]


class Shrinking(nnUNetDataLoader):
    """A client's loader that leaves cases out after a while."""

    def generate_train_batch(self) -> dict[str, Any]:
        self.indices = ["case_1", "case_8"]
        return super().generate_train_batch()


class OwnCases(nnUNetDataLoader):
    """A client's loader that chooses the cases of a batch itself."""

    def get_indices(self) -> np.ndarray:
        return np.array(["case_0"] * self.batch_size)


class NoIndices(nnUNetDataLoader):
    """A client's loader that asks nobody which cases to load."""

    def generate_train_batch(self) -> dict[str, Any]:
        return {"keys": ["case_0"] * self.batch_size}


def make_on(loader_class: Any) -> BalancedDataLoader:
    ratios = {"large": 0.5, "small": 0.5}
    return balanced_class(loader_class)(
        NumberDataset(10), 2, (8, 8), (8, 8), LABELS, 0.33, case_domains=DOMAINS, ratios=ratios
    )


def test_a_loader_class_of_a_client_makes_the_batches_and_the_ratios_choose_the_cases() -> None:
    loader = make_on(Brighter)
    batches = [next(loader) for _ in range(4)]
    assert all(batch["data"].min() >= 1000 for batch in batches)
    assert Counter(DOMAINS[case] for batch in batches for case in batch["keys"]) == {"large": 4, "small": 4}


def test_sampling_probabilities_hold_within_each_domain() -> None:
    row = [case for _ in range(300) for case in make_on(Weighted).get_indices()]
    assert Counter(DOMAINS[case] for case in row) == {"large": 300, "small": 300}
    assert set(row) == set(CASES) - {"case_0", "case_9"}


def test_a_domain_whose_cases_all_have_probability_0_is_refused() -> None:
    loader = make_on(Weighted)
    loader.sampling_probabilities = [0.0 if DOMAINS[case] == "small" else 1 / 8 for case in CASES]
    with pytest.raises(RuntimeError, match="domain small has a mixing ratio, but"):
        loader.get_indices()


def test_cases_that_a_client_takes_out_are_not_drawn() -> None:
    loader = make_on(Shrinking)
    assert {case for _ in range(4) for case in next(loader)["keys"]} == {"case_1", "case_8"}


@pytest.mark.parametrize(
    ("replacement", "message"),
    [
        (OwnCases, "replaced by OwnCases, whose get_indices chooses the cases"),
        (lambda *arguments: None, "expected a subclass of it"),
        (dict, "expected a subclass of it"),
    ],
)
def test_a_replacement_that_cannot_follow_the_ratios_is_refused(replacement: Any, message: str) -> None:
    with pytest.raises(RuntimeError, match=f"{message}.*balance_batches = False"):
        balanced_class(replacement)


def test_batches_made_without_get_indices_are_refused() -> None:
    with pytest.raises(RuntimeError, match=r"NoIndices.generate_train_batch .* without self.get_indices\(\)"):
        next(make_on(NoIndices))


def test_a_loader_on_top_of_a_clients_class_can_be_sent_to_a_process() -> None:
    loader = pickle.loads(pickle.dumps(make_on(Brighter)))
    assert isinstance(loader, Brighter)
    assert next(loader)["data"].min() >= 1000


def test_a_loader_process_follows_ratios_that_change_after_its_start() -> None:
    ratios = SharedRatios({"large": 0.95, "small": 0.05})
    augmenter = SupervisedAugmenter(make(4, ratios), None, 1, num_cached=1)
    try:
        next(augmenter)
        ratios.set({"large": 0.05, "small": 0.95})
        for _ in range(6):  # made before the change
            next(augmenter)
        drawn = [DOMAINS[str(case)] for _ in range(10) for case in next(augmenter)["keys"]]
    finally:
        augmenter._finish()
    assert drawn.count("small") == pytest.approx(38, abs=1)
