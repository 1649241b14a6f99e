"""Checks that the files of a case fit each other and dataset.json."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnunetv2.errors import UnfitImageError

_MOST_VALUES_NAMED = 10


def check_channels(data: np.ndarray, image_files: Sequence[str], dataset_json: Mapping[str, Any]) -> None:
    """Raise UnfitImageError unless `data` (C, ...) has a channel for each name in dataset.json."""
    names = list((dataset_json.get("channel_names") or dataset_json.get("modality") or {}).values())
    if len(data) == len(names):
        return
    is_alpha = len(image_files) == 1 and len(data) == len(names) + 1 and len(data) == 4
    hint = "; is the last one transparency (alpha)? Save the image without it" if is_alpha else ""
    raise UnfitImageError(
        f"{', '.join(map(str, image_files))}: {len(data)} channel(s), dataset.json names {len(names)}"
        f" ({', '.join(map(str, names))}){hint}"
    )


def check_shapes(seg: np.ndarray, data: np.ndarray) -> None:
    """Raise UnfitImageError unless `seg` and `data` have the same spatial shape."""
    if seg.shape[1:] != data.shape[1:]:
        raise UnfitImageError(f"segmentation of shape {seg.shape}, its image has {data.shape}")


def check_label_shape(seg: np.ndarray, data: np.ndarray, seg_file: str, image_files: Sequence[str]) -> None:
    """Raise UnfitImageError unless `seg` has one channel and the spatial shape of `data`; name the files."""
    if seg.shape[1:] != data.shape[1:]:
        raise UnfitImageError(
            f"{seg_file}: shape {seg.shape[1:]}, its image has {data.shape[1:]} ({', '.join(map(str, image_files))})"
        )
    if len(seg) != 1:
        raise UnfitImageError(f"{seg_file}: {len(seg)} channels, a label file has one")


def check_label_values(seg: np.ndarray, known_labels: Sequence[int], seg_file: str) -> None:
    """Raise UnfitImageError naming the values in `seg` that are not labels; -1 is not one either."""
    unknown = unknown_values(seg, known_labels)
    if not len(unknown):
        return
    found = ", ".join(map(_in_full, unknown[:_MOST_VALUES_NAMED]))
    more = ", ..." if len(unknown) > _MOST_VALUES_NAMED else ""
    known = ", ".join(map(str, known_labels))
    raise UnfitImageError(
        f"{seg_file}: found {found}{more}{_hint(unknown, known_labels)}; dataset.json has the labels {known}"
    )


def unknown_values(seg: np.ndarray, known_labels: Sequence[int]) -> np.ndarray:
    """Return the distinct values of `seg` that are not labels, ascending."""
    known = np.zeros(seg.shape, dtype=bool)
    for label in known_labels:
        known |= seg == label
    return np.unique(seg[~known])


def _in_full(value: np.number) -> str:
    """Return enough digits to tell 1.0000001 from 1."""
    return f"{value:.0f}" if float(value).is_integer() else str(value)


def _hint(unknown: np.ndarray, known_labels: Sequence[int]) -> str:
    if len(unknown) == 1 and unknown[0] == 255 and 1 in known_labels:
        return ", did you mean 1?"
    if any(not float(value).is_integer() for value in unknown):
        return " (labels have to be whole numbers)"
    return ""
