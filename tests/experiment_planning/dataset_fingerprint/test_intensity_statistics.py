"""Exact statistics from summaries, against numpy on all values at once."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from nnunetv2.experiment_planning.dataset_fingerprint.float_keys import keys_of, value_of
from nnunetv2.experiment_planning.dataset_fingerprint.intensity_statistics import ChannelStatistics
from nnunetv2.experiment_planning.dataset_fingerprint.intensity_summary import (
    CountedValues,
    SpilledValues,
    summarize_intensities,
)

RNG = np.random.default_rng(5)
CASES = {
    "8 bits": [RNG.integers(0, 256, n).astype(np.float32) for n in (1000, 1, 37)],
    "16 bits": [RNG.integers(0, 65536, n).astype(np.float32) for n in (500, 800)],
    "hounsfield": [RNG.integers(-1024, 3000, n).astype(np.float32) for n in (500, 800, 900)],
    "floats": [RNG.normal(-3, 50, n).astype(np.float32) for n in (3000, 5, 777)],
    "large offset": [RNG.normal(1e6, 1, n).astype(np.float32) for n in (3000, 500)],
    "whole and fractional": [np.arange(-50, 50, dtype=np.float32), RNG.normal(0, 5, 333).astype(np.float32)],
    "large whole numbers": [RNG.integers(0, 10**7, 400).astype(np.float32)],
    "constant floats": [np.full(10, 0.1, np.float32)] * 3,
    "one value": [np.array([7], np.float32)],
    "tiny and huge": [np.array([1e-40, -1e-40, 0, -0.0, 3e38, -3e38, 1, 2.5], np.float32)],
}


def weighted_percentile(cases: list[np.ndarray], percent: float) -> float:
    """Return, by sorting, the smallest value with at least this share of the weight up to it; cases weigh the same."""
    values = np.concatenate(cases).astype(np.float64)
    weights = np.concatenate([np.full(len(case), Fraction(1, len(case) * len(cases))) for case in cases])
    order = np.argsort(values, kind="stable")
    sums = np.cumsum(weights[order])
    return float(values[order][np.flatnonzero(sums >= Fraction(str(percent)) / 100)[0]])


@pytest.mark.parametrize("name", CASES)
def test_statistics_equal_those_of_all_values_together(name: str, tmp_path: Path) -> None:
    cases = CASES[name]
    statistics = ChannelStatistics()
    for number, values in enumerate(cases):
        statistics.add(summarize_intensities(values, tmp_path / str(number)))
    doubles = [case.astype(np.float64) for case in cases]
    mean = np.mean([case.mean() for case in doubles])

    got = statistics.properties()

    assert got == pytest.approx(
        {
            "max": max(case.max() for case in doubles),
            "mean": mean,
            "median": weighted_percentile(cases, 50),
            "min": min(case.min() for case in doubles),
            "percentile_00_5": weighted_percentile(cases, 0.5),
            "percentile_99_5": weighted_percentile(cases, 99.5),
            "std": np.sqrt(np.mean([((case - mean) ** 2).mean() for case in doubles])),
        },
        rel=1e-9,
        abs=1e-30,
    )


def test_every_case_weighs_the_same_however_large_its_foreground(tmp_path: Path) -> None:
    statistics = ChannelStatistics()
    statistics.add(summarize_intensities(np.zeros(1000, np.float32), tmp_path / "x"))
    statistics.add(summarize_intensities(np.full(10, 100, np.float32), tmp_path / "x"))

    properties = statistics.properties()
    assert (properties["mean"], properties["std"], properties["percentile_99_5"]) == (50, 50, 100)


def test_whole_numbers_are_counted_and_floats_go_to_a_file(tmp_path: Path) -> None:
    whole = summarize_intensities(np.array([3, 5, 5], np.float32), tmp_path / "whole")
    floats = summarize_intensities(np.array([0.5, 5], np.float32), tmp_path / "floats")

    assert isinstance(whole, CountedValues)
    assert (whole.lowest, whole.counts.tolist()) == (3, [1, 0, 2])
    assert isinstance(floats, SpilledValues)
    assert np.fromfile(tmp_path / "floats", np.float32).tolist() == [0.5, 5]
    assert not (tmp_path / "whole").exists()


def test_a_full_disk_is_named_as_such() -> None:
    with pytest.raises(OSError, match="No space left on device"):
        summarize_intensities(RNG.normal(0, 1, 16000).astype(np.float32), Path("/dev/full"))


def test_a_case_without_foreground_adds_nothing(tmp_path: Path) -> None:
    statistics = ChannelStatistics()
    statistics.add(summarize_intensities(np.empty(0, np.float32), tmp_path / "x"))
    assert statistics.is_empty

    statistics.add(summarize_intensities(np.array([4, 6], np.float32), tmp_path / "x"))
    assert not statistics.is_empty
    assert statistics.properties()["mean"] == 5


def test_keys_sort_like_their_values_and_can_be_converted_back() -> None:
    values = np.sort(np.concatenate([RNG.normal(0, 1e3, 500), [-3e38, 3e38, 0, 1e-40, -1e-40]]).astype(np.float32))
    keys = keys_of(values)

    assert np.all(np.diff(keys.astype(np.int64)) >= 0)
    assert [value_of(int(key)) for key in keys] == values.tolist()
