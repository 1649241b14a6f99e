"""All files that a prediction or an export may write into the folder of a slide, and removing those of another run."""

import shutil
from pathlib import Path

from nnunetv2.file_kinds.slide_files import MEASUREMENTS_NAME, OBJECTS_NAME, OVERLAY_NAME, THUMBNAIL_NAME
from nnunetv2.pathology.outputs.bands import remove_bands
from nnunetv2.pathology.outputs.dicom_seg import DICOM_NAME
from nnunetv2.pathology.outputs.ome_zarr import LABELS_ZARR, PROBABILITIES_ZARR
from nnunetv2.pathology.outputs.probability_map import PROBABILITIES_NAME
from nnunetv2.pathology.outputs.slide_files import LABELS_NAME, TISSUE_NAME

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


def remove_run(folder: Path) -> None:
    """Remove the outputs and the bands in the folder of a slide: they would stay beside a state of another run."""
    remove_outputs(folder)
    remove_bands(folder)
