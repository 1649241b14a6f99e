import numpy as np
import pytest
from batchgenerators.augmentations.utils import resize_segmentation

from nnunetv2.preprocessing.resampling.label_resizing import resize_labels

REFERENCE_VOTES = resize_segmentation(np.array([[1, 2], [3, 4]]), (1, 1), 1)[0, 0] != 0
"""Older versions of batchgenerators leave a voxel 0 unless one label has half of the weight."""

LABELS = np.array([[0, 0, 1, 1], [0, 2, 2, 1], [3, 2, 2, 1], [3, 3, 1, 1]], np.float32)


@pytest.mark.parametrize(
    ("size", "rows"),
    [
        (2, ["01", "31"]),
        (3, ["011", "321", "311"]),
        (6, ["000111", "002211", "022211", "322211", "332211", "333111"]),
    ],
)
def test_linear_votes_match_the_golden_values(size: int, rows: list[str]) -> None:
    result = resize_labels(LABELS, (size, size), 1)
    assert ["".join(str(int(label)) for label in row) for row in result] == rows


@pytest.mark.skipif(not REFERENCE_VOTES, reason="this version of batchgenerators resizes labels in another way")
@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("factor", [0.5, 2.0, 1.5, 0.7])
@pytest.mark.parametrize("shape", [(12, 9), (6, 8, 10), (1, 7, 5)])
def test_every_voxel_and_tie_is_as_in_batchgenerators(shape: tuple[int, ...], factor: float, order: int) -> None:
    labels = np.random.default_rng(len(shape)).integers(-1, 5, shape).astype(np.int16)
    target = tuple(max(1, round(length * factor)) for length in shape)

    result = resize_labels(labels, target, order)

    assert result.dtype == np.int16
    np.testing.assert_array_equal(result, resize_segmentation(labels, target, order))


def test_a_tie_goes_to_the_nearest_label_otherwise_to_the_smallest() -> None:
    assert resize_labels(np.array([3, 1]), (1,), 1) == 1  # both at the same distance: the upper sample is the nearest
    assert resize_labels(np.array([1, 3]), (1,), 1) == 3


def test_a_map_of_one_label_keeps_it() -> None:
    np.testing.assert_array_equal(resize_labels(np.full((4, 5), 7), (9, 3), 1), 7)
