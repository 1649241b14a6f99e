from collections import Counter

import numpy as np
import pytest

from nnunetv2.pathology.outputs.label_reduction import halved, sampled


def most_frequent(values: list[int]) -> int:
    """Return the most frequent value; of equally frequent ones foreground, then the smallest."""
    return min(Counter(values).items(), key=lambda item: (-item[1], item[0] == 0, item[0]))[0]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_each_pixel_is_the_most_frequent_of_its_four(dtype):
    values = np.array(np.meshgrid(*[[0, 1, 2, 3]] * 4)).reshape(4, -1).T
    labels = values.reshape(16, 16, 2, 2).transpose(0, 2, 1, 3).reshape(32, 32).astype(dtype)
    expected = np.array([most_frequent(list(four)) for four in values.tolist()]).reshape(16, 16)
    assert np.array_equal(halved(labels), expected)
    assert halved(labels).dtype == dtype


def test_odd_rows_and_columns_at_the_end_are_left_out():
    labels = np.arange(35, dtype=np.uint8).reshape(5, 7)
    assert halved(labels).shape == (2, 3)
    assert halved(np.full((5, 7), 4, np.uint8)).tolist() == [[4] * 3] * 2
    assert halved(np.zeros((1, 9), np.uint8)).shape == (0, 4)


def test_sampling_takes_the_pixel_at_the_centre():
    labels = np.arange(100, dtype=np.uint8).reshape(10, 10)
    assert sampled(labels, (2, 5)).tolist() == [[21, 23, 25, 27, 29], [71, 73, 75, 77, 79]]
    assert np.array_equal(sampled(labels, (10, 10)), labels)
    assert sampled(labels, (20, 10))[:4, 0].tolist() == [0, 0, 10, 10]
