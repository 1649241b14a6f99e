"""Where a slide is looked at: its tissue as found, as drawn in a file, or everything; within a region, if given."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import shapely

from nnunetv2.errors import AnnotationError
from nnunetv2.pathology.annotations.annotation_set import Area
from nnunetv2.pathology.annotations.mask_pyramid import MaskPyramid
from nnunetv2.pathology.annotations.qupath_geojson import read_geojson
from nnunetv2.pathology.annotations.rasterise import DrawnAreas
from nnunetv2.pathology.slides.reader_process import IN_THIS_PROCESS, Reading
from nnunetv2.pathology.slides.slide import Slide
from nnunetv2.pathology.slides.slide_list import slide_name
from nnunetv2.pathology.slides.slide_reader import PathLike
from nnunetv2.pathology.tissue.slide_tissue import TissueMask, everything, find_tissue
from nnunetv2.pathology.tissue.tissue_mask import Mask, TissueSettings

NONE = "none"
"""The choice that takes everything as tissue."""
_GEOJSON = (".geojson", ".geojson.gz", ".json")
_MASKS = ("_mask.tif", "_mask.tiff", ".tif", ".tiff")


def tissue_of(
    slide: Slide,
    choice: PathLike | TissueMask | None = None,
    roi: PathLike | None = None,
    settings: TissueSettings | None = None,
    reading: Reading = IN_THIS_PROCESS,
    frame: str = "content",
) -> TissueMask:
    """Return the tissue of a slide, cut to the region of interest.

    Parameters:
        choice: None to find it, tissue that is known already, `none` for everything, or a file or folder of files named
            like the slides: GeoJSON, or a mask of the slide's proportions in TIFF, in which everything but 0 is tissue.
            Objects in GeoJSON need no class.
        roi: a file or folder as above.
        reading: in this process, or in others that are replaced when a decoder hangs.
        frame: of GeoJSON: `content`, the scanned area as QuPath shows it, or the whole `file`.

    Raises AnnotationError for files that are missing, damaged or of other proportions, and for GeoJSON whose objects
    all lie outside of the slide or have no area; one without objects is no tissue.
    """
    if choice is None:
        tissue = find_tissue(slide, settings, reading)
    elif isinstance(choice, TissueMask):
        tissue = choice
    elif str(choice) == NONE:
        tissue = everything(slide)
    else:
        grid = everything(slide)
        tissue = replace(grid, mask=_drawn(slide, choice, grid, frame))
    return tissue if roi is None else tissue.within(_drawn(slide, roi, tissue, frame))


def _drawn(slide: Slide, source: PathLike, grid: TissueMask, frame: str) -> Mask:
    """Return the areas of a file as a mask on the grid of another."""
    file = file_for(slide.path, Path(source))
    height, width = grid.mask.shape
    if file.name.lower().endswith(_GEOJSON):
        areas = _areas_on(slide, file, frame)
        return DrawnAreas(areas, [1] * len(areas), grid.scale).draw(0, 0, height, width) > 0
    with MaskPyramid(file, slide.size) as mask:
        return np.asarray(mask.draw(0, 0, height, width, grid.scale) > 0)


def _areas_on(slide: Slide, file: Path, frame: str) -> list[Area]:
    """Return the areas of GeoJSON in the frame of the scanned area."""
    found = read_geojson(file, unclassified="region")
    shown = found if frame == "content" else found.in_content(slide.origin)
    areas = [annotation.area for annotation in shown.annotations]
    if found.warnings and not areas:
        raise AnnotationError(f"{file}: has no area ({'; '.join(found.warnings)}), expected polygons")
    if areas and not shapely.intersects(shapely.box(0, 0, *slide.size), areas).any():
        raise AnnotationError(
            f"{file}: none of its {len(areas)} areas lies on {slide.path} ({slide.size[0]} x {slide.size[1]} pixels)."
            " Is it of another slide, or in the other --frame?"
        )
    return areas


def file_for(slide: PathLike, source: Path) -> Path:
    """Return the file itself, or the one in a folder that is named like a slide. Raises AnnotationError without one."""
    if not source.is_dir():
        return source
    candidates = list(_candidates(slide, source))
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        raise AnnotationError(
            f"{source}: no file for {slide}, expected one of {', '.join(path.name for path in candidates)}"
        )
    return found


def _candidates(slide: PathLike, folder: Path) -> Iterator[Path]:
    for stem in dict.fromkeys((Path(slide).stem, slide_name(slide))):
        for ending in (*_GEOJSON, *_MASKS):
            yield folder / f"{stem}{ending}"
