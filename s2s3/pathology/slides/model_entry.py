"""What dataset.json says of the slides that a dataset, and the models trained on it, come from."""

from collections.abc import Mapping
from typing import Any

ENTRY = "drift"
"""Key of dataset.json under which our tiling states what nnU-Net has no place for; stock nnU-Net ignores it."""


def slide_entry(dataset_json: Mapping[str, Any], key: str) -> Any:
    """Return what dataset.json says of the slides under a key, None if it says nothing."""
    entries = dataset_json.get(ENTRY)
    return entries.get(key) if isinstance(entries, Mapping) else None
