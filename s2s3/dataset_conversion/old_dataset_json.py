"""Translates dataset.json of the Medical Segmentation Decathlon and of nnU-Net v1 to that of nnU-Net v2."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nnunetv2.errors import DatasetLayoutError

_ENDING = ".nii.gz"
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
    added = {"file_ending": _ENDING, "channel_names": old["modality"]}
    return {**new, **(dict(reversed(added.items())) if from_v1 else added)}


def refuse_missing_files(old: Mapping[str, Any], source: Path) -> None:
    """Raise DatasetLayoutError that lists the files which dataset.json names and the folder lacks.

    The file lists may be absent, and so may the folder of test images. An image may be divided into `_0000`, ....
    """
    listed = [path for path in _listed_paths(old) if (source / path).parent.is_dir()]
    missing = [path for path in listed if not any((source / form).is_file() for form in (path, _first_channel(path)))]
    if missing:
        raise DatasetLayoutError(f"{source}: dataset.json lists {len(missing)} file(s) that are not there:", missing)


def _listed_paths(old: Mapping[str, Any]) -> Iterator[str]:
    for key in ("training", "test"):
        entries = old.get(key)
        for entry in entries if isinstance(entries, list) else ():
            paths = entry.values() if isinstance(entry, dict) else [entry]
            yield from (path for path in paths if isinstance(path, str))


def _first_channel(path: str) -> str:
    return path.removesuffix(_ENDING) + f"_0000{_ENDING}"
