"""Weights of domains that follow their losses."""

import math

import pytest

from nnunetv2.domains.adaptive_ratios import AdaptiveRatios, exponentiated, is_weights
from nnunetv2.errors import CheckpointError

EVEN = {"a": 0.5, "b": 0.5}


def test_weights_grow_by_the_exponential_of_their_gain() -> None:
    found = exponentiated({"a": 0.25, "b": 0.75}, {"a": 2.0, "b": 1.0}, step_size=0.5)
    grown = 0.25 * math.e, 0.75 * math.exp(0.5)
    assert list(found.values()) == pytest.approx([value / sum(grown) for value in grown])


def test_domains_without_a_gain_and_huge_gains_are_no_problem() -> None:
    assert exponentiated(EVEN, {"a": 1e4}, step_size=1.0, uniform_share=0.2) == pytest.approx({"a": 0.9, "b": 0.1})
    assert exponentiated(EVEN, {}, step_size=1.0) == EVEN


@pytest.mark.parametrize("gain", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_spoils_no_weight(gain: float) -> None:
    assert exponentiated(EVEN, {"a": gain, "b": 0.0}, step_size=0.01) == EVEN


def test_no_weight_falls_to_zero_however_long_the_training() -> None:
    weights = exponentiated(EVEN, {"a": 1e5, "b": 0.0}, step_size=1.0)
    for _ in range(3):
        weights = exponentiated(weights, {"a": 1e5, "b": 0.0}, step_size=1.0)
    assert is_weights(weights, EVEN)


def test_an_epoch_without_a_finite_loss_of_a_domain_changes_nothing_and_can_be_restored() -> None:
    adaptive, restored = AdaptiveRatios(EVEN), AdaptiveRatios(EVEN)
    for losses in ({"a": math.nan, "b": 1.0}, {"a": 0.5, "b": 1.0}, {"a": math.inf, "b": 1.0}):
        adaptive.add_epoch(losses)
        restored.restore(adaptive.to_dict())
    assert restored.ratios == adaptive.ratios == EVEN


def test_ratios_stay_until_the_reference_is_known_and_then_favour_the_domain_that_improves_least() -> None:
    adaptive = AdaptiveRatios(EVEN, reference_epochs=2, uniform_share=0.1)
    for losses in ({"a": 1.2, "b": 0.8}, {"a": 1.0, "b": 0.6}):
        adaptive.add_epoch(losses)
        assert adaptive.ratios == EVEN
    adaptive.add_epoch({"a": 0.9, "b": 0.7})  # a has a larger loss, but fell by 0.2; b has not
    expected = 0.9 / (1 + math.exp(-0.2)) + 0.05
    assert adaptive.ratios["b"] == pytest.approx(expected)
    assert sum(adaptive.ratios.values()) == pytest.approx(1)


def test_no_ratio_falls_below_its_part_of_the_uniform_share() -> None:
    adaptive = AdaptiveRatios(EVEN, reference_epochs=1, uniform_share=0.1)
    for loss in (0.0, 50.0, 50.0):
        adaptive.add_epoch({"a": 0.0, "b": loss})
    assert adaptive.ratios["a"] == pytest.approx(0.05)


def test_a_domain_that_was_not_drawn_is_left_alone() -> None:
    adaptive = AdaptiveRatios(EVEN, reference_epochs=1, uniform_share=0.0)
    for _ in range(2):
        adaptive.add_epoch({"a": 1.0})
    assert adaptive.ratios == EVEN
    adaptive.add_epoch({"a": 1.0, "b": 3.0})
    assert adaptive.ratios == EVEN


def test_a_restored_state_goes_on_as_if_nothing_had_happened() -> None:
    first, second = AdaptiveRatios(EVEN), AdaptiveRatios(EVEN)
    for losses in ({"a": 1.0, "b": 1.0}, {"a": 0.9, "b": 0.7}, {"a": 0.8, "b": 0.6}):
        first.add_epoch(losses)
    second.restore(first.to_dict())
    for adaptive in (first, second):
        adaptive.add_epoch({"a": 0.7, "b": 0.1})
    assert first.ratios == second.ratios != EVEN


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"ratios": {"a": 0.5, "c": 0.5}, "first_losses": []},
        {"ratios": {"a": 1.0, "b": 0.0}, "first_losses": []},
        {"ratios": {"a": 0.5, "b": math.nan}, "first_losses": []},
        {"ratios": EVEN, "first_losses": [["a"]]},
        {"ratios": EVEN, "first_losses": None},
    ],
)
def test_a_state_of_other_domains_or_forms_is_refused(state: dict) -> None:
    with pytest.raises(CheckpointError, match="expected ratios of a, b"):
        AdaptiveRatios(EVEN).restore(state)


def test_weights_name_exactly_the_domains() -> None:
    assert is_weights({"a": 0.2, "b": 0.8}, EVEN)
    assert not is_weights(None, EVEN)
