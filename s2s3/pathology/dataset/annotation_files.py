"""Which file annotates a slide, and what it says: areas with classes, or a mask of labels."""

from dataclasses import dataclass
from pathlib import Path

from nnunetv2.errors import AnnotationError
from nnunetv2.pathology.annotations.annotation_set import AnnotationSet
from nnunetv2.pathology.annotations.asap_xml import read_asap
from nnunetv2.pathology.annotations.qupath_geojson import read_geojson
from nnunetv2.pathology.dataset.class_labels import ClassLabels
from nnunetv2.pathology.dataset.tiling_settings import TilingSettings
from nnunetv2.pathology.slides.slide_list import SlideEntry
from s1.output_places import same_place
from s1.readable_files import hindrance

ENDINGS = (".geojson", ".geojson.gz", ".geojson.zip", ".json", ".json.gz", ".xml", "_mask.tif", "_mask.tiff")
_MASKS, _ASAP = (".tif", ".tiff"), (".xml", ".xml.gz", ".xml.zip")


@dataclass(frozen=True)
class AnnotationPlaces:
    """Where annotations are looked for.

    Parameters:
        folder: of files named like the slides; None: beside each slide.
        suffix: what follows the slide's name, with the file ending; None: any known ending.
        tables: folders of the tables that name annotations by relative paths.
    """

    folder: Path | None = None
    suffix: str | None = None
    tables: tuple[Path, ...] = ()


def find_annotation(slide: SlideEntry, places: AnnotationPlaces) -> Path:
    """Return the file that annotates a slide. Raises AnnotationError if there is none, or more than one."""
    if slide.annotation is not None:
        return _named_by_table(slide, places)
    folder = places.folder or Path(slide.path).parent
    suffixes = ENDINGS if places.suffix is None else (places.suffix,)
    stems = dict.fromkeys((Path(slide.path).stem, slide.name))
    candidates = [folder / f"{stem}{suffix}" for stem in stems for suffix in suffixes]
    found = [path for path in candidates if path.exists() and not same_place(path, slide.path)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.name for path in found)
        raise AnnotationError(f"{slide.path}: has {len(found)} annotations ({names}); choose with --annotation_suffix")
    names = ", ".join(path.name for path in candidates[: len(suffixes)])
    raise AnnotationError(f"{slide.path}: no annotation in {folder}, expected one of {names}")


def is_mask(path: Path) -> bool:
    """Tell whether an annotation is a mask of labels."""
    return path.name.lower().endswith(_MASKS)


def class_word(path: Path) -> str:
    """Return what a file calls a class."""
    return "group" if path.name.lower().endswith(_ASAP) else "class"


def read_areas(path: Path, settings: TilingSettings, origin: tuple[float, float] = (0, 0)) -> AnnotationSet:
    """Return the areas of a file in the frame of the scanned area.

    Parameters:
        origin: (x, y) of that frame in the file of the slide.

    Raises AnnotationError or MissingFileError.
    """
    if path.name.lower().endswith(_ASAP):
        naming = ClassLabels({}, settings.renamed, settings.roi)
        whole = naming.regions([*settings.renamed, *([settings.roi] if settings.roi else [])])
        return read_asap(path, settings.exclude, whole, origin)
    found = read_geojson(path)
    return found if settings.frame == "content" else found.in_content(origin)


def classes_in(path: Path, settings: TilingSettings) -> list[str]:
    """Return the classes of a file of areas. Raises AnnotationError for a mask, which has numbers only."""
    if is_mask(path):
        raise AnnotationError(f"{path}: a mask has no class names; pass --labels, for example background=0 Tumor=1")
    return read_areas(path, settings).class_names


def _named_by_table(slide: SlideEntry, places: AnnotationPlaces) -> Path:
    assert slide.annotation is not None
    bases = [*([places.folder] if places.folder else []), *places.tables, Path(slide.path).parent]
    candidates = [base / slide.annotation for base in bases]
    found = next((path for path in candidates if path.exists()), None)
    if found is None:
        looked = ", ".join(dict.fromkeys(str(path.parent) for path in candidates))
        raise AnnotationError(f"{slide.path}: its annotation {slide.annotation} does not exist, looked in {looked}")
    problem = hindrance(found)
    if problem:
        raise AnnotationError(f"{found}: {problem}")
    return found
