import math

import pytest

from nnunetv2.training.logging.moving_average import next_average

NAN = float("nan")


def test_the_first_value_starts_the_average() -> None:
    assert next_average(None, 0.5) == 0.5


@pytest.mark.parametrize(("previous", "value", "expected"), [(0.5, 0.7, 0.52), (0.52, 0.2, 0.488)])
def test_a_new_value_counts_a_tenth(previous, value, expected) -> None:
    assert next_average(previous, value) == pytest.approx(expected, abs=1e-12)


def test_nan_is_skipped() -> None:
    assert next_average(0.5, NAN) == 0.5
    assert next_average(NAN, 0.5) == 0.5
    assert math.isnan(next_average(None, NAN))
