"""Brings the arguments for images in memory, each for one image or for several, into lists that belong together."""

from typing import Any

from nnunetv2.errors import CallError


def matching_lists(images: Any, previous_stages: Any, properties: Any, output_names: Any) -> tuple[Any, Any, Any, Any]:
    """Return each argument as a list with one entry per image; None for all images stays None.

    Raises CallError if the numbers of entries differ, or if there are no images or no properties.
    """
    lists = {
        "images": _as_list(images),
        "previous stages": _as_list(previous_stages),
        "properties": _as_list(properties),
        "output names": _as_list(output_names),
    }
    if lists["images"] is None or lists["properties"] is None:
        raise CallError("expected images and their properties, got None for one of them")
    counts = {name: len(values) for name, values in lists.items() if values is not None}
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise CallError(f"got {found}; expected as many of each as there are images")
    return lists["images"], lists["previous stages"], lists["properties"], lists["output names"]


def _as_list(value: Any) -> Any:
    """Wrap a single value in a list; return lists, tuples and None (no value for any image) unchanged."""
    return value if value is None or isinstance(value, list | tuple) else [value]
