"""All files that belong to one slide: most formats have one, MRXS a folder beside it, DICOM a file for each level."""

import os
from pathlib import Path

from nnunetv2.foundation.output_guard import check_apart
from nnunetv2.pathology.slides.dicom_reader import files_of_series
from nnunetv2.pathology.slides.slide_reader import PathLike
from nnunetv2.pathology.slides.watched_reader import within

_WITH_FOLDER = (".mrxs",)
_DICOM = ".dcm"


def parts_of_slide(path: PathLike) -> list[Path]:
    """Return the files of a slide, sorted behind the given one; of a folder, the series of DICOM files in it.

    Raises OSError if it is not there.
    """
    path = Path(path)
    if path.suffix.lower() in _WITH_FOLDER and path.with_suffix("").is_dir():
        return [path, *_files_below(path.with_suffix(""))]
    if path.suffix.lower() == _DICOM or path.is_dir():
        return files_of_series(path)
    return [path]


def check_apart_from_slide(folder: PathLike, slide: PathLike, timeout_s: float) -> None:
    """Raise InvalidOutputError if a folder of results is one of a slide's files.

    Parameters:
        timeout_s: how long looking at these folders may take.

    Raises HangingReadError if it takes longer.
    """
    what = f"{slide}: looking at its folder"
    within(timeout_s, what, lambda: check_apart(folder, _folders_of_slide(Path(slide))))


def _folders_of_slide(path: Path) -> dict[str, Path]:
    """Return the folders of a slide's files, which outputs must stay away from: what each is called -> its path."""
    inner = path.with_suffix("") if path.suffix.lower() in _WITH_FOLDER else path
    return {"the slides": path.parent, **({f"the slide {path.name}": inner} if inner.is_dir() else {})}


def slide_bytes(path: PathLike) -> int:
    """Return the size of all files of a slide, 0 if it is not there."""
    try:
        return sum(os.stat(file).st_size for file in parts_of_slide(path))
    except OSError:
        return 0


def _files_below(folder: Path) -> list[Path]:
    return sorted(Path(current, name) for current, _, names in os.walk(folder) for name in names)
