from typing import Any

import numpy as np
import pytest

from nnunetv2.evaluation import label_pairs
from nnunetv2.evaluation.case_metrics import compute_tp_fp_fn_tn, counts_of, region_or_label_to_mask
from nnunetv2.evaluation.label_pairs import PairCounter, count_pairs

SHAPE = (1, 3, 300, 301)  # more than two parts of the pass


def noise(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 4, SHAPE)


def blocks(rng: np.random.Generator) -> np.ndarray:
    return np.repeat(rng.integers(0, 4, (1, 3, 300, 7)), 43, axis=3)


@pytest.mark.parametrize("make", [noise, blocks])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_pairs_are_counted_as_a_plain_count_does(make: Any, dtype: type) -> None:
    rng = np.random.default_rng(0)
    reference, prediction = make(rng).astype(dtype), make(rng).astype(dtype)
    pairs = count_pairs(reference, prediction)
    expected = np.bincount((reference * 4 + prediction).astype(int).ravel())
    assert (pairs.reference * 4 + pairs.prediction).tolist() == list(range(16))
    assert pairs.voxels.tolist() == expected.tolist()


@pytest.mark.parametrize("values", [[0, 255, 256, 70000], [-1, 0, 2.5, 300], [0, 1, 2, np.inf]])
def test_numbers_that_no_byte_holds_are_counted(values: list[float]) -> None:
    reference = np.array(values, np.float32)
    pairs = count_pairs(reference, reference[::-1])
    found = zip(pairs.reference, pairs.prediction, pairs.voxels, strict=True)
    assert sorted(found) == sorted(zip(reference, reference[::-1], [1] * 4, strict=True))


def test_nan_is_a_value_of_its_own() -> None:
    pairs = count_pairs(np.array([np.nan, 1, np.nan]), np.array([0.0, 1, 0]))
    assert pairs.voxels.tolist() == [1, 2]
    assert np.isnan(pairs.reference[1])


def test_empty_images_have_no_pairs() -> None:
    assert not count_pairs(np.zeros((1, 0, 4)), np.zeros((1, 0, 4))).voxels.size


@pytest.mark.parametrize("ignore_label", [None, 3, 9])
@pytest.mark.parametrize("entry", [0, 2, (1, 3), (2, 7), 11])
def test_a_label_or_region_is_counted_from_pairs_as_from_masks(entry: Any, ignore_label: int | None) -> None:
    rng = np.random.default_rng(1)
    reference, prediction = noise(rng), noise(rng)
    masks = (region_or_label_to_mask(reference, entry), region_or_label_to_mask(prediction, entry))
    ignored = None if ignore_label is None else reference == ignore_label
    counts = counts_of(count_pairs(reference, prediction), entry, ignore_label)
    assert counts == compute_tp_fp_fn_tn(*masks, ignored)
    assert all(type(count) is int for count in counts)


@pytest.mark.parametrize("kept", [2, 64])
@pytest.mark.parametrize("highest", [4, 400])
def test_parts_are_counted_as_the_whole_also_with_values_that_no_byte_holds(
    highest: int, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_pairs, "_PARTS_KEPT", kept)
    rng = np.random.default_rng(2)
    images = [rng.integers(0, 4, (1000, 301)).astype(np.uint16) for _ in range(2)]
    images[0][600:, 5] = highest
    counter = PairCounter()
    for top in range(0, 1000, 130):
        counter.add(*(image[top : top + 130] for image in images))
    pairs, codes = counter.pairs(), images[0].astype(np.int64) * 1000 + images[1]
    found, counts = np.unique(codes, return_counts=True)
    assert (pairs.reference.astype(np.int64) * 1000 + pairs.prediction).tolist() == found.tolist()
    assert pairs.voxels.tolist() == counts.tolist()
