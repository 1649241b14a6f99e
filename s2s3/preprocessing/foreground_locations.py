"""Where in a case each class is found, so that training can centre patches on it."""

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np

Locations = dict[int | tuple[int, ...], np.ndarray | list[Any]]


def sample_foreground_locations(
    seg: np.ndarray,
    classes_or_regions: Sequence[int | Sequence[int]],
    seed: int = 1234,
    min_num_samples: int = 10000,
    min_percent_coverage: float = 0.01,
) -> Locations:
    """Draw voxels of each class from `seg` (1, x, y, z), without replacement.

    Drawn are max(min(min_num_samples, all), ceil(min_percent_coverage * all)) voxels. All classes share one stream of
    random numbers; those that are absent take none from it.

    Returns:
        class, or tuple of the labels of a region -> int64 array (n, 4) of indices into `seg` in the order drawn, an
        empty list for a class that is absent.
    """
    labels = _exact_integers(seg)
    random = np.random.RandomState(seed)
    locations: Locations = {}
    for entry in classes_or_regions:
        is_region = isinstance(entry, Sequence)
        members = [int(label) for label in entry] if isinstance(entry, Sequence) else [int(entry)]
        key: int | tuple[int, ...] = tuple(members) if is_region else members[0]
        counts = [int(np.count_nonzero(labels == label)) for label in members]
        total = sum(counts)
        if total == 0:
            locations[key] = []
            continue
        number = max(min(min_num_samples, total), ceil(total * min_percent_coverage))
        drawn = random.choice(total, number, replace=False)
        voxels = _nth_voxels(labels, members, counts, drawn)
        locations[key] = np.stack(np.unravel_index(voxels, seg.shape), axis=1)
    return locations


def _exact_integers(seg: np.ndarray) -> np.ndarray:
    """Return `seg` as int32, values that are no whole numbers as the smallest one, which is no label."""
    if seg.dtype.kind in "iu":
        return seg
    with np.errstate(invalid="ignore"):
        labels = seg.astype(np.int32)
    labels[labels != seg] = np.iinfo(np.int32).min
    return labels


def _nth_voxels(labels: np.ndarray, members: Sequence[int], counts: Sequence[int], numbers: np.ndarray) -> np.ndarray:
    """Flat index of each numbered voxel; they are numbered label by label, within a label in C order."""
    voxels = np.empty(len(numbers), dtype=np.int64)
    first = 0
    for label, count in zip(members, counts, strict=True):
        is_of_label = (numbers >= first) & (numbers < first + count)
        voxels[is_of_label] = np.flatnonzero(labels == label)[numbers[is_of_label] - first]
        first += count
    return voxels
