"""Where each class is found in a case, so that training can centre patches on it."""

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np

from nnunetv2.utilities.label_handling.label_handling import LabelManager

Locations = dict[int | tuple[int, ...], np.ndarray | list[Any]]


def classes_to_locate(labels: LabelManager) -> list[int | Sequence[int]]:
    """Return the classes or regions to locate; with an ignore label also, as one more region, all annotated voxels."""
    classes: list[Any] = list(labels.foreground_classes)
    if labels.has_ignore_label:
        classes.append([-1, *labels.all_labels])
    return classes


def sample_foreground_locations(
    seg: np.ndarray,
    classes_or_regions: Sequence[int | Sequence[int]],
    seed: int = 1234,
    min_num_samples: int = 10000,
    min_percent_coverage: float = 0.01,
) -> Locations:
    """Draw voxels of each class from `seg` (1, x, y, z), without replacement.

    Of a class with k voxels, max(min(min_num_samples, k), ceil(min_percent_coverage * k)) are drawn. All classes share
    one stream of random numbers; absent classes take none from it.

    Returns:
        class, or tuple of the labels of a region -> int64 array (n, 4) of indices into `seg` in the order drawn; an
        empty list for an absent class.
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
    """Return integers unchanged, others as int32, with values that are not whole as the smallest int32."""
    if seg.dtype.kind in "iu":
        return seg
    with np.errstate(invalid="ignore"):
        labels = seg.astype(np.int32)
    labels[labels != seg] = np.iinfo(np.int32).min
    return labels


def _nth_voxels(labels: np.ndarray, members: Sequence[int], counts: Sequence[int], numbers: np.ndarray) -> np.ndarray:
    """Return flat indices of voxels that are numbered label by label, and in C order within a label."""
    voxels = np.empty(len(numbers), dtype=np.int64)
    first = 0
    for label, count in zip(members, counts, strict=True):
        is_of_label = (numbers >= first) & (numbers < first + count)
        voxels[is_of_label] = np.flatnonzero(labels == label)[numbers[is_of_label] - first]
        first += count
    return voxels
