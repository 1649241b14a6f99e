"""Read and check the entry `labels` of a dataset.json: name -> label, or name -> labels that make up a region."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnunetv2.errors import DatasetLayoutError


def is_region(value: Any) -> bool:
    """Tell whether a value is written as a region, that is as a list."""
    return isinstance(value, list | tuple)


def uses_regions(labels: dict[str, Any]) -> bool:
    """Tell whether any entry has more than one label."""
    return any(is_region(value) and len(value) > 1 for value in labels.values())


def is_background(label_or_region: Any) -> bool:
    """Tell whether a label is 0, or a region contains nothing but 0; an empty region is not background."""
    if is_region(label_or_region):
        return len(label_or_region) > 0 and all(label == 0 for label in label_or_region)
    return label_or_region == 0


def sorted_labels(labels: dict[str, Any]) -> list[int]:
    """Return all labels, also those within regions, without the ignore label."""
    found: set[int] = set()
    for name, value in labels.items():
        if name != "ignore":
            found.update(int(label) for label in (value if is_region(value) else [value]))
    return list(np.array(sorted(found), dtype=np.int64))


def regions_of(labels: dict[str, Any]) -> list[Any]:
    """Return the regions in order, lists as tuples, without background and ignore label."""
    regions = (tuple(v) if is_region(v) else v for name, v in labels.items() if name != "ignore")
    return [region for region in regions if not is_background(region)]


def class_values(labels: dict[str, Any], class_order: Sequence[int] | None) -> dict[str, int]:
    """Return foreground class -> its value in label images.

    Parameters:
        class_order: values that are written for regions; None: the labels are no regions.
    """
    names = [name for name, entry in labels.items() if name != "ignore" and not is_background(entry)]
    values = [labels[name] for name in names] if class_order is None else class_order
    return dict(zip(names, map(int, values), strict=True))


def check_background(labels: dict[str, Any]) -> None:
    """Raise DatasetLayoutError unless there is a label `background`, and it is 0."""
    if "background" not in labels:
        raise DatasetLayoutError(
            f"dataset.json: no label 'background' among {', '.join(map(repr, labels)) or 'no labels'}; it has to be 0"
        )
    if is_region(labels["background"]) or labels["background"] != 0:
        raise DatasetLayoutError(f"dataset.json: label 'background' is {labels['background']!r}, it has to be 0")


def check_ignore_label(labels: dict[str, Any], other_labels: Sequence[int]) -> None:
    """Raise DatasetLayoutError if there is an ignore label and it is not the highest label plus one."""
    ignore = labels.get("ignore")
    if ignore is not None and not (isinstance(ignore, int | np.integer) and ignore == max(other_labels) + 1):
        raise DatasetLayoutError(
            f"dataset.json: label 'ignore' is {ignore!r}, it has to be the whole number {max(other_labels) + 1}, "
            "one above the highest other label"
        )


def check_regions(regions: Sequence[Any] | None, class_order: Sequence[int] | None) -> None:
    """Raise DatasetLayoutError if there are regions and not as many entries in `regions_class_order`."""
    if regions is None:
        return
    if class_order is None:
        raise DatasetLayoutError("dataset.json: labels has regions, so regions_class_order has to say what to write")
    if not is_region(class_order) or not all(isinstance(label, int | float | np.integer) for label in class_order):
        raise DatasetLayoutError(f"dataset.json: regions_class_order is {class_order!r}, expected a list of labels")
    if len(class_order) != len(regions):
        raise DatasetLayoutError(
            f"dataset.json: regions_class_order has {len(class_order)} entries for {len(regions)} regions "
            f"{list(regions)}; background and ignore label have none"
        )
