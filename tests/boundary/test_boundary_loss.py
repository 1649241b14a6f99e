"""Settings, the three terms of a scale, and their sum over scales."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from nnunetv2.boundary import boundary_loss as module
from nnunetv2.boundary.boundary_loss import BoundaryLossSettings, boundary_loss
from nnunetv2.boundary.boundary_terms import terms_by_map
from nnunetv2.boundary.edge_targets import edge_targets
from nnunetv2.errors import InvalidValueError

SETTINGS = BoundaryLossSettings()


def example(shape: tuple[int, ...] = (24, 20), classes: int = 2, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.zeros(2, 1, *shape)
    labels[:, :, 5:15, 4:12] = 1
    labels[1, :, 10:, 8:] = 2
    logits = torch.randn(2, classes, *shape, generator=generator)
    return logits, edge_targets(labels, list(range(1, classes + 1)))[0]


def boundary_terms(
    logits: Tensor, targets: Tensor, valid: Tensor | None, settings: BoundaryLossSettings
) -> dict[str, Tensor]:
    """Return the means of the terms over samples and classes, all maps computed at once and with autograd."""
    mask = None if valid is None else valid.expand_as(targets).flatten(0, 1)
    terms = terms_by_map(logits.flatten(0, 1), targets.flatten(0, 1), mask, settings)
    return {name: values.mean() for name, values in terms.items()}


def test_settings_are_the_published_weights() -> None:
    assert SETTINGS.edge_weight == 0.2
    assert SETTINGS.term_weights == {"inverse": 0.3, "field": 0.2, "skeleton": 0.2}
    assert (SETTINGS.long_range_weight, SETTINGS.field_steps, SETTINGS.affinity_bins) == (0.3, 10, 64)


def test_settings_survive_a_round_trip_and_refuse_unknown_keys() -> None:
    settings = BoundaryLossSettings(inverse_weight=0.0)

    assert BoundaryLossSettings.from_dict(settings.to_dict()) == settings
    with pytest.raises(InvalidValueError, match="unknown keys \\['invers_weight'\\]"):
        BoundaryLossSettings.from_dict({"invers_weight": 0.1})


@pytest.mark.parametrize(
    "wrong", [{"edge_weight": -1.0}, {"field_steps": 0}, {"affinity_tau": 0.0}, {"affinity_bins": 1}]
)
def test_settings_that_make_no_sense_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidValueError, match=next(iter(wrong))):
        BoundaryLossSettings.from_dict(wrong)


@pytest.mark.parametrize("shape", [(24, 20), (16, 14, 6)])
def test_terms_are_named_positive_and_small_for_the_right_answer(shape: tuple[int, ...]) -> None:
    logits, edges = example(shape, classes=1)

    wrong = boundary_terms(logits, edges, None, SETTINGS)
    right = boundary_terms(edges * 40 - 20, edges, None, SETTINGS)

    assert list(wrong) == ["inverse", "field", "skeleton"]
    assert all(10 * float(right[name]) < float(wrong[name]) for name in wrong)


def test_an_absent_class_is_pulled_to_zero_by_its_squared_error() -> None:
    logits, edges = example(classes=2)
    absent = torch.zeros_like(edges)

    terms = boundary_terms(logits, absent, None, SETTINGS)

    for value in terms.values():
        torch.testing.assert_close(value, (torch.sigmoid(logits) ** 2).mean())


@pytest.mark.parametrize("share_ignored", [0.0, 0.4])
def test_cross_entropy_is_that_of_torch_over_valid_pixels(share_ignored: float) -> None:
    logits, edges = example()
    valid = torch.rand(2, 1, 24, 20, generator=torch.Generator().manual_seed(1)) >= share_ignored
    settings = BoundaryLossSettings(0.2, 0, 0, 0, cross_entropy_weight=0.7)

    terms = boundary_terms(logits, edges, valid, settings)

    assert list(terms) == ["cross_entropy"]
    expected = torch.stack(
        [
            functional.binary_cross_entropy_with_logits(logits[b, k][valid[b, 0]], edges[b, k][valid[b, 0]])
            for b in range(2)
            for k in range(2)
        ]
    ).mean()
    torch.testing.assert_close(terms["cross_entropy"], expected)
    torch.testing.assert_close(boundary_loss([logits], [(edges, valid)], [1.0], settings), 0.7 * expected)


def test_absence_is_decided_per_sample_and_class() -> None:
    logits, edges = example(classes=2)
    assert not edges[0, 1].any()

    terms = boundary_terms(logits, edges, None, SETTINGS)

    by_map = [
        boundary_terms(logits[i : i + 1, k : k + 1], edges[i : i + 1, k : k + 1], None, SETTINGS)
        for i in range(2)
        for k in range(2)
    ]
    for name, value in terms.items():
        torch.testing.assert_close(value, torch.stack([one[name] for one in by_map]).mean())
    torch.testing.assert_close(by_map[1]["field"], (torch.sigmoid(logits[0, 1]) ** 2).mean())


def test_predictions_on_ignored_pixels_do_not_matter() -> None:
    logits, edges = example()
    valid = torch.ones(2, 1, 24, 20, dtype=torch.bool)
    valid[..., 12:] = False
    edges = edges * valid

    other = torch.where(valid, logits, -logits)

    first, second = (boundary_terms(maps, edges, valid, SETTINGS) for maps in (logits, other))
    assert first == second
    everything_ignored = boundary_terms(logits, edges * 0, valid & False, SETTINGS)
    assert all(float(value) == 0 for value in everything_ignored.values())


def test_scales_are_weighted_and_those_of_weight_zero_left_out() -> None:
    logits, edges = example()
    small = (logits[..., ::2, ::2], edges[..., ::2, ::2])
    broken = torch.full((2, 2, 6, 5), math.nan)

    loss = boundary_loss(
        [logits, small[0], broken], [(edges, None), (small[1], None), (broken, None)], [0.6, 0.4, 0.0], SETTINGS
    )

    fine, coarse = boundary_terms(logits, edges, None, SETTINGS), boundary_terms(*small, None, SETTINGS)
    weights = {"inverse": 0.3, "field": 0.2, "skeleton": 0.2}
    expected = sum(weight * (0.6 * fine[name] + 0.4 * coarse[name]) for name, weight in weights.items())
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("pixels_at_once", [1, 1000, 10**9])
def test_the_gradient_is_that_of_the_terms(pixels_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module._PIXELS_AT_ONCE, "cpu", pixels_at_once)
    logits, edges = example()
    logits.requires_grad_()
    valid = torch.rand(2, 1, 24, 20, generator=torch.Generator().manual_seed(0)) > 0.1
    edges = edges * valid

    loss = boundary_loss([logits], [(edges, valid)], [0.5], SETTINGS)
    (ours,) = torch.autograd.grad(3 * loss, logits)

    terms = boundary_terms(logits, edges, valid, SETTINGS)
    expected = sum(SETTINGS.term_weights[name] * value for name, value in terms.items())
    torch.testing.assert_close(ours, torch.autograd.grad(1.5 * expected, logits)[0])


def test_half_precision_logits_are_processed_in_single_precision() -> None:
    logits, edges = example()
    half = logits.half().requires_grad_()

    with torch.autocast("cpu", torch.bfloat16):
        loss = boundary_loss([half], [(edges, None)], [1.0], SETTINGS)
    (loss * 2**16).backward()

    single = half.detach().float().requires_grad_()
    expected = boundary_loss([single], [(edges, None)], [1.0], SETTINGS)
    (expected * 2**16).backward()
    assert loss.dtype == torch.float32
    assert torch.equal(loss, expected)
    assert half.grad is not None
    assert single.grad is not None
    assert single.grad.any()
    assert torch.equal(half.grad, single.grad.half())


def test_a_term_of_weight_zero_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("computed")

    monkeypatch.setattr("nnunetv2.boundary.boundary_terms.inverse_distance", fail)
    logits, edges = example()

    loss = boundary_loss([logits], [(edges, None)], [1.0], BoundaryLossSettings(inverse_weight=0.0))

    assert float(loss) > 0


def test_without_any_term_the_loss_is_zero() -> None:
    logits, edges = example()
    nothing = BoundaryLossSettings(inverse_weight=0, field_weight=0, skeleton_weight=0)

    assert float(boundary_loss([logits], [(edges, None)], [1.0], nothing)) == 0


def test_a_second_derivative_which_nobody_derived_is_an_error() -> None:
    logits, edges = example()
    logits.requires_grad_()
    for values in boundary_terms(logits, edges, None, SETTINGS).values():
        (gradient,) = torch.autograd.grad(values.sum(), logits, create_graph=True, retain_graph=True)
        with pytest.raises(RuntimeError, match="once_differentiable"):
            gradient.sum().backward(retain_graph=True)
