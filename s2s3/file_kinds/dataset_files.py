"""Files that describe the cases of a dataset: dataset.json, splits, fingerprint, spacing of TIFF stacks."""

from collections.abc import Iterator
from typing import Any

from s1.dataset_file import LARGEST_LABEL, dataset_file
from s1.json_files import CASE_LIST_MIB, JsonFile
from s1.json_schema import (
    NAME,
    NUMBER,
    NUMBER_OR_NAN,
    OBJECT,
    Also,
    ListOf,
    MapOf,
    Problem,
    Record,
    Schema,
    Value,
    number,
    whole_number,
)

_LARGEST_SIDE = 10**9
SPACING = number(above=0, high=10**6)
"""Edge of a voxel; nnU-Net gives 2D images a first spacing of 999 times the others."""

DATASET = dataset_file()
MODEL_DATASET = dataset_file("labels", "file_ending")
"""The dataset.json of a trained model or a preprocessed dataset: clients write it with few entries."""

_NUMBER_AS_KEY = Value(
    "numbers with names, for example {'1': 'tumor'}",
    lambda key: isinstance(key, str) and key.isdecimal() and len(key) <= len(str(LARGEST_LABEL)),
)
OLD_DATASET = JsonFile(
    "dataset.json of nnU-Net v1 or the Medical Segmentation Decathlon",
    Record(
        {
            "labels": MapOf(NAME, 1, _NUMBER_AS_KEY, _NUMBER_AS_KEY.expected),
            "modality": OBJECT,
        }
    ),
    largest_mib=CASE_LIST_MIB,
)

SPLITS = JsonFile(
    "splits file",
    ListOf(
        Record({part: ListOf(NAME, words="a list of case names") for part in ("train", "val")}),
        words='a list with an entry {"train": [cases], "val": [cases]} for each fold',
    ),
    "delete it for nnU-Net's own folds",
    CASE_LIST_MIB,
)


def _equal_lengths(fingerprint: dict[str, Any]) -> Iterator[Problem]:
    shapes, spacings = (len(fingerprint[key]) for key in ("shapes_after_crop", "spacings"))
    if shapes != spacings:
        yield Problem(f"has {shapes} shapes_after_crop and {spacings} spacings, expected one of each per case")


_FINGERPRINT: dict[str, Schema] = {
    "spacings": ListOf(ListOf(SPACING, 3, 3), 1),
    "shapes_after_crop": ListOf(ListOf(whole_number(1, _LARGEST_SIDE), 3, 3), 1),
    "median_relative_size_after_cropping": NUMBER,
    "foreground_intensity_properties_per_channel": MapOf(MapOf(NUMBER_OR_NAN), 1),
}
_ANEW = "nnUNetv2_extract_fingerprint --clean makes it anew"
FINGERPRINT = JsonFile(
    "dataset fingerprint", Also(Record(_FINGERPRINT), (_equal_lengths,)), _ANEW, largest_mib=CASE_LIST_MIB
)
EXISTING_FINGERPRINT = JsonFile("dataset fingerprint", Record({}, _FINGERPRINT), _ANEW, largest_mib=CASE_LIST_MIB)
"""One that is kept, whatever wrote it; it need not be complete before planning."""

SPACING_FILE = JsonFile(
    "spacing file", Record({"spacing": ListOf(SPACING, 3, 3, "a list of three numbers above 0")}), largest_mib=1
)
