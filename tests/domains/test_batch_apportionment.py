"""Batch slots keep the mixing ratios in every window, as far as that is possible."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnunetv2.domains.batch_apportionment import Apportionment
from nnunetv2.errors import InvalidValueError

SLOTS = 1500


def largest_window_deviation(ratios: dict[str, float], slots: list[str]) -> float:
    """Largest |count_d - r_d W| over all domains and all windows: the spread of the running difference."""
    names = list(ratios)
    shares = np.array([ratios[name] for name in names]) / sum(ratios.values())
    hits = np.array([[slot == name for name in names] for slot in slots])
    counts = np.vstack([np.zeros(len(names)), np.cumsum(hits, axis=0)])
    difference = counts - np.arange(len(slots) + 1)[:, None] * shares
    return float(np.ptp(difference, axis=0).max())


def named(values: list[float]) -> dict[str, float]:
    return {f"domain {index}": value for index, value in enumerate(values)}


weights = st.floats(min_value=0.01, max_value=1.0)


@settings(max_examples=40, deadline=None)
@given(first=weights, second=weights, start=st.integers(0, 20_000))
def test_two_domains_stay_within_one_in_every_window(first: float, second: float, start: int) -> None:
    ratios = named([first, second])

    slots = Apportionment(ratios).slots(start, SLOTS)

    assert largest_window_deviation(ratios, slots) < 1 + 1e-6


@settings(max_examples=40, deadline=None)
@given(first=weights, second=weights, pattern=st.lists(st.booleans(), min_size=2, max_size=10))
def test_any_number_of_domains_with_two_different_ratios_stays_within_one(
    first: float, second: float, pattern: list[bool]
) -> None:
    ratios = named([first if choice else second for choice in pattern])

    assert largest_window_deviation(ratios, Apportionment(ratios).slots(0, SLOTS)) < 1 + 1e-6


@settings(max_examples=60, deadline=None)
@given(values=st.lists(weights, min_size=3, max_size=10), start=st.integers(0, 5000))
def test_any_ratios_stay_within_the_bound_of_the_chairman_assignment(values: list[float], start: int) -> None:
    ratios = named(values)
    different = len(set(values))

    deviation = largest_window_deviation(ratios, Apportionment(ratios).slots(start, SLOTS))

    assert deviation <= max(1.0, 2 - 1 / max(1, different - 1)) + 1e-6


def test_no_sequence_of_20_slots_keeps_6_7_8_within_one_in_every_window() -> None:
    """Searches all sequences: why the guarantee for three different ratios cannot be 1."""
    ratios, total = (6, 7, 8), 21
    longest = 0
    sequences = [(0, (0, 0, 0), (0, 0, 0), (0, 0, 0))]
    while sequences:
        length, difference, low, high = sequences.pop()
        longest = max(longest, length)
        for chosen in range(3):
            after = tuple(
                d + r - total * (i == chosen) for i, (d, r) in enumerate(zip(difference, ratios, strict=True))
            )
            lowest, highest = tuple(map(min, low, after)), tuple(map(max, high, after))
            if all(h - lo <= total for lo, h in zip(lowest, highest, strict=True)):
                sequences.append((length + 1, after, lowest, highest))

    assert longest == 19


def test_the_sequence_can_be_read_from_anywhere() -> None:
    ratios = {"a": 0.3, "b": 0.33, "c": 0.37}
    whole = Apportionment(ratios).slots(0, 13_000)
    sequence = Apportionment(ratios)

    for start in (12_990, 3, 4095, 4096, 8192, 0, 12_000, 5000):
        assert sequence.slots(start, 10) == whole[start : start + 10]


def test_workers_that_take_turns_serve_the_same_sequence() -> None:
    ratios = {"a": 0.45, "b": 0.35, "c": 0.2}
    whole = Apportionment(ratios).slots(0, 12 * 4)
    workers = [Apportionment(ratios) for _ in range(3)]

    together = [slot for batch in range(12) for slot in workers[batch % 3].slots(batch * 4, 4)]

    assert together == whole


def test_equal_ratios_take_turns() -> None:
    slots = Apportionment({"a": 1, "b": 1, "c": 1}).slots(0, 9)

    assert slots == ["a", "b", "c"] * 3


def test_a_domain_without_share_gets_no_slot() -> None:
    assert set(Apportionment({"a": 1.0, "b": 0.0, "c": 2.0}).slots(0, 50)) == {"a", "c"}


@pytest.mark.parametrize("ratios", [{}, {"a": 0.0}, {"a": -1.0, "b": 2.0}, {"a": float("nan")}, {"a": float("inf")}])
def test_ratios_that_make_no_sense_are_refused(ratios: dict[str, float]) -> None:
    with pytest.raises(InvalidValueError, match="mixing ratios"):
        Apportionment(ratios)


def test_a_negative_start_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="0 or more"):
        Apportionment({"a": 1.0}).slots(-1, 2)
