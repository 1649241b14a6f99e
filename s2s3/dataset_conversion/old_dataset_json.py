"""Translates dataset.json of the Medical Segmentation Decathlon and of nnU-Net v1 to that of nnU-Net v2."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from nnunetv2.errors import DatasetLayoutError

_DROPPED = ("modality", "training", "test")
_DROPPED_FROM_V1 = ("tensorImageSize", "numTest")


def converted_dataset_json(old: Mapping[str, Any], source: str, from_v1: bool = False) -> dict[str, Any]:
    """Return the new content: labels as name -> int, channel_names for modality, file lists dropped, other keys kept.

    The two new keys come last, in the order of nnU-Net's own conversions, so that the files are equal.

    Parameters:
        old: a content that fits OLD_DATASET.
        source: path of the file, for messages.
        from_v1: also drop what only nnU-Net v1 wrote.
    """
    repeated = [name for name, count in Counter(old["labels"].values()).items() if count > 1]
    if repeated:
        raise DatasetLayoutError(f"{source}: several labels are called {', '.join(map(repr, repeated))}; rename them")
    dropped = (*_DROPPED, *(_DROPPED_FROM_V1 if from_v1 else ()))
    new = {key: value for key, value in old.items() if key not in dropped}
    new["labels"] = {name: int(value) for value, name in old["labels"].items()}
    added = {"file_ending": ".nii.gz", "channel_names": old["modality"]}
    return {**new, **(dict(reversed(added.items())) if from_v1 else added)}
