"""What dataset.json of nnU-Net contains: the entries that are read, where they are present."""

from collections.abc import Mapping
from typing import Any

from s1.json_files import CASE_LIST_MIB, JsonFile
from s1.json_schema import ANYTHING, NAME, Either, ListOf, MapOf, Record, Schema, Value, optional

LARGEST_LABEL = 65535
"""Label images have 16 bits at most."""


def _is_label(value: Any) -> bool:
    if isinstance(value, str):
        return value.isdecimal() and len(value) <= len(str(LARGEST_LABEL)) and int(value) <= LARGEST_LABEL
    return isinstance(value, int | float) and 0 <= value <= LARGEST_LABEL and float(value).is_integer()


def _is_file_ending(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(".") and len(value) > 1 and not set(value) & set("/\\\0")


LABEL = Value(f"a whole number from 0 to {LARGEST_LABEL}", _is_label)
LABELS = MapOf(
    Either((LABEL, ListOf(LABEL, words="a list of these"))), 1, words="an object {name: label or list of labels}"
)
FILE_ENDING = Value("a text that starts with a dot and has no path separators, such as '.png'", _is_file_ending)
CASE_FILES = MapOf(
    Record({"images": ListOf(NAME, 1, words="a non-empty list of paths"), "label": NAME}),
    words="an object that names the files of each case",
)
CHANNELS = Either((MapOf(ANYTHING, 1), ListOf(ANYTHING, 1)))
"""Their names matter to planning only, which asks for texts; prediction counts them."""

ENTRIES: Mapping[str, Schema] = {
    "labels": LABELS,
    "file_ending": FILE_ENDING,
    "channel_names": CHANNELS,
    "modality": CHANNELS,
    "overwrite_image_reader_writer": optional(NAME),
    "dataset": CASE_FILES,
}
"""Entry -> what it has to be. All others may be anything."""


def dataset_file(*required: str) -> JsonFile:
    """Return the kind of a dataset.json in which these entries have to be present."""
    needed = {key: ENTRIES[key] for key in required}
    return JsonFile("dataset.json", Record(needed, ENTRIES), largest_mib=CASE_LIST_MIB)
