"""Which file annotates a slide, and in which frame it is read."""

from dataclasses import replace
from pathlib import Path

import pytest

from nnunetv2.errors import AnnotationError
from nnunetv2.pathology.dataset.annotation_files import AnnotationPlaces, classes_in, find_annotation, read_areas
from nnunetv2.pathology.dataset.tiling_settings import TilingSettings
from nnunetv2.pathology.slides.slide_list import SlideEntry
from tests.pathology.dataset.annotated_slides import ring_of, write_geojson

SETTINGS = TilingSettings(0.5)


@pytest.fixture
def slide(tmp_path: Path) -> SlideEntry:
    (tmp_path / "a b.ome.tif").touch()
    return SlideEntry(str(tmp_path / "a b.ome.tif"), "a_b")


@pytest.mark.parametrize("name", ["a b.ome.geojson", "a_b.geojson.gz", "a_b.json", "a b.ome.xml", "a_b_mask.tif"])
def test_a_file_named_like_the_slide_or_its_outputs_is_found(slide: SlideEntry, tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert find_annotation(slide, AnnotationPlaces()) == tmp_path / name


def test_the_slide_itself_is_no_annotation(slide: SlideEntry, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(AnnotationError, match="no annotation in"):
        find_annotation(slide, AnnotationPlaces(tmp_path / "link", ".tif"))


def test_a_table_names_a_file_beside_itself_in_the_folder_of_annotations_or_beside_the_slide(
    slide: SlideEntry, tmp_path: Path
) -> None:
    named = replace(slide, annotation="drawn.geojson")
    for name in ("tables", "annotations"):
        (tmp_path / name).mkdir()
    with pytest.raises(AnnotationError, match=r"its annotation drawn\.geojson does not exist, looked in"):
        find_annotation(named, AnnotationPlaces())
    places = AnnotationPlaces(tmp_path / "annotations", None, (tmp_path / "tables",))
    for folder in ("", "tables", "annotations"):
        (tmp_path / folder / "drawn.geojson").touch()
        assert find_annotation(named, places) == tmp_path / folder / "drawn.geojson"


def asap(path: Path, *areas: tuple[str, tuple[float, float, float, float]]) -> None:
    annotations = ""
    for group, box in areas:
        points = "".join(f'<Coordinate Order="{n}" X="{x}" Y="{y}"/>' for n, (x, y) in enumerate(ring_of(box)[:4]))
        annotations += (
            f'<Annotation Type="Polygon" PartOfGroup="{group}"><Coordinates>{points}</Coordinates></Annotation>'
        )
    path.write_text(f"<ASAP_Annotations><Annotations>{annotations}</Annotations></ASAP_Annotations>")


def test_areas_of_asap_are_in_the_frame_of_the_file_and_those_of_qupath_only_if_asked_for(tmp_path: Path) -> None:
    box = (100.0, 200.0, 300.0, 500.0)
    asap(tmp_path / "a.xml", ("Tumor", box))
    write_geojson(tmp_path / "a.geojson", ("Tumor", box))

    def bounds(name: str, frame: str) -> tuple[float, ...]:
        found = read_areas(tmp_path / name, replace(SETTINGS, frame=frame), (10, 20))
        return tuple(found.annotations[0].area.bounds)

    assert bounds("a.xml", "content") == bounds("a.geojson", "file") == (90, 180, 290, 480)
    assert bounds("a.geojson", "content") == box


def test_holes_of_asap_are_cut_out_of_classes_but_not_of_regions(tmp_path: Path) -> None:
    asap(tmp_path / "a.xml", ("Tumor", (0, 0, 10, 10)), ("Area", (0, 0, 20, 20)), ("Hole", (0, 0, 5, 10)))
    settings = replace(SETTINGS, roi="ROI", renamed={"Area": "ROI"})
    areas = {entry.class_name: entry.area.area for entry in read_areas(tmp_path / "a.xml", settings).annotations}
    assert areas == {"Tumor": 50, "Area": 400}


def test_a_mask_has_no_names_of_classes(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="a mask has no class names; pass --labels"):
        classes_in(tmp_path / "a_mask.tif", SETTINGS)
