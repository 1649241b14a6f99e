"""Where outputs must not go: places are compared as the file system does, through links, `..` and other spellings."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

PathLike = str | os.PathLike[str]

IMAGE_FOLDERS = ("imagesTr", "imagesTs", "imagesVal")
LABEL_FOLDERS = ("labelsTr", "labelsTs", "labelsVal", "gt_segmentations")


def same_place(one: PathLike, other: PathLike) -> bool:
    """Tell whether two paths lead to one file or folder; two names of one file (hard links) are the same place."""
    try:
        return os.path.samefile(one, other)
    except OSError:  # one of them does not exist
        return os.path.realpath(one) == os.path.realpath(other)


def input_at(output: PathLike, inputs: Mapping[str, PathLike | None]) -> str | None:
    """Return what the input is called that lies where the output is to be written, None if there is none.

    Parameters:
        inputs: what each input is called -> its path; None for one that was not given.
    """
    return next((what for what, path in inputs.items() if path is not None and same_place(output, path)), None)


def case_folder_at(folder: PathLike, datasets: Iterable[PathLike] = ()) -> str | None:
    """Return `<dataset>/labelsTr` or the like if `folder` is that folder of a dataset and is not empty, else None.

    A dataset is the folder above, or one of `datasets`, whose folders may be links.
    """
    if not os.path.isdir(folder) or not os.listdir(folder):
        return None
    places = [Path(os.path.realpath(folder)).parent, *map(Path, datasets)]
    names = (place / name for place in places for name in (*IMAGE_FOLDERS, *LABEL_FOLDERS))
    return next((f"{path.parent.name}/{path.name}" for path in names if same_place(folder, path)), None)
