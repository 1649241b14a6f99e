"""All files that a prediction or an export may write into the folder of a slide, and removing those of another run."""

import os
import shutil
from pathlib import Path

from nnunetv2.file_kinds.slide_files import MEASUREMENTS_NAME, OBJECTS_NAME, OVERLAY_NAME, THUMBNAIL_NAME
from nnunetv2.pathology.outputs.bands import remove_bands
from nnunetv2.pathology.outputs.dicom_seg import DICOM_NAME
from nnunetv2.pathology.outputs.ome_zarr import LABELS_ZARR, PROBABILITIES_ZARR
from nnunetv2.pathology.outputs.probability_map import PROBABILITIES_NAME
from nnunetv2.pathology.outputs.slide_files import LABELS_NAME, TISSUE_NAME
from s1.files import replacing

_NAMES = (
    *(LABELS_NAME, OBJECTS_NAME, OVERLAY_NAME, THUMBNAIL_NAME, TISSUE_NAME, MEASUREMENTS_NAME),
    *(PROBABILITIES_NAME, LABELS_ZARR, PROBABILITIES_ZARR, DICOM_NAME),
)


def remove_outputs(folder: Path) -> None:
    """Remove the outputs in the folder of a slide, so that none is of another run; other files stay."""
    for name in _NAMES:
        place = folder / name
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)


def link_outputs(source: Path, target: Path) -> None:
    """Let the outputs of one folder appear in another, too: as hard links, or copies where there are none.

    Symbolic links are left out. Whoever writes outputs replaces files as a whole, so the other name keeps its content.
    """
    for name in _NAMES:
        place = source / name
        if place.is_symlink():
            continue
        if place.is_dir():
            shutil.copytree(place, target / name, symlinks=True, copy_function=_link)
        elif place.is_file():
            _link(place, target / name)


def _link(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # another file system, or one without hard links
        with replacing(target) as temporary:
            shutil.copyfile(source, temporary)


def remove_run(folder: Path) -> None:
    """Remove the outputs and the bands in the folder of a slide: they would stay beside a state of another run."""
    remove_outputs(folder)
    remove_bands(folder)
