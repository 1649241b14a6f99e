import json
from pathlib import Path

import numpy as np
import pytest

from nnunetv2.errors import AnnotationError, MissingFileError
from nnunetv2.pathology.annotations.asap_xml import read_asap
from nnunetv2.pathology.annotations.qupath_geojson import read_geojson
from nnunetv2.pathology.annotations.rasterise import DrawnAreas

ROOT = "ASAP_Annotations"
SQUARE = [(0, 0), (10, 0), (10, 10), (0, 10)]


def annotation(points, kind: str = "Polygon", group: str = "Tumor", name: str = "Annotation 0") -> str:
    coordinates = "".join(f'<Coordinate Order="{n}" X="{x}" Y="{y}" />' for n, (x, y) in enumerate(points))
    attributes = f'Name="{name}" Type="{kind}" PartOfGroup="{group}"'
    return f"<Annotation {attributes}><Coordinates>{coordinates}</Coordinates></Annotation>"


def file_of(folder: Path, *annotations: str, before: str = "") -> Path:
    file = folder / "a.xml"
    inside = "".join(annotations)
    groups = '<AnnotationGroups><Group Name="Tumor" PartOfGroup="None" /></AnnotationGroups>'
    inside = f"<Annotations>{inside}</Annotations>{groups}"
    file.write_text(f'<?xml version="1.0"?>{before}<ASAP_Annotations>{inside}</ASAP_Annotations>')
    return file


@pytest.mark.parametrize("kind", ["Polygon", "Spline", "Rectangle"])
def test_areas_of_every_type_have_the_class_of_their_group(tmp_path, kind):
    (found,) = read_asap(file_of(tmp_path, annotation(SQUARE, kind))).annotations
    assert (found.class_name, found.area.area) == ("Tumor", 100)


def test_without_a_group_the_name_is_the_class(tmp_path):
    found = read_asap(file_of(tmp_path, annotation(SQUARE, group="None", name="Nerve"), annotation(SQUARE, group="")))
    assert found.class_names == ["Annotation 0", "Nerve"]


def test_coordinates_are_sorted_by_their_order(tmp_path):
    file = file_of(tmp_path, annotation(SQUARE))
    text = file.read_text()
    second, third = '<Coordinate Order="1" X="10" Y="0" />', '<Coordinate Order="2" X="10" Y="10" />'
    file.write_text(text.replace(second + third, third + second))
    assert read_asap(file).annotations[0].area.area == 100


def test_the_origin_of_the_shown_part_is_subtracted(tmp_path):
    (found,) = read_asap(file_of(tmp_path, annotation(SQUARE)), origin=(100, -20)).annotations
    assert found.area.bounds == (-100, 20, -90, 30)


def test_points_are_counted_and_left_out(tmp_path):
    found = read_asap(file_of(tmp_path, annotation([(1, 1)], "Dot"), annotation(SQUARE, "PointSet")))
    assert found.annotations == ()
    assert found.warnings == ("annotations of type Dot left out: 1", "annotations of type PointSet left out: 1")


def test_groups_of_holes_are_cut_out_of_all_others(tmp_path):
    hole = [(2, 2), (4, 2), (4, 4), (2, 4)]
    file = file_of(tmp_path, annotation(hole, group="Exclusion"), annotation(SQUARE), annotation(hole, group="Other"))
    assert [(a.class_name, a.area.area) for a in read_asap(file).annotations] == [("Tumor", 96)]
    assert [a.area.area for a in read_asap(file, whole=("Tumor",)).annotations] == [100]
    kept = read_asap(file, exclude=("Other",))
    assert {a.class_name: a.area.area for a in kept.annotations} == {"Tumor": 96}


def test_a_doctype_is_refused_before_anything_it_says_is_read(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    outside = f'<!DOCTYPE a [<!ENTITY x SYSTEM "file://{secret}">]>'
    bomb = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    for before in (outside, bomb, '<!DOCTYPE a SYSTEM "http://localhost/a.dtd">'):
        with pytest.raises(AnnotationError, match=r"a.xml: has a DOCTYPE"):
            read_asap(file_of(tmp_path, annotation(SQUARE), before=before))


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([("nan", 1), (2, 3), (4, 9)], "has a coordinate that is no number"),
        ([("a", 1), (2, 3), (4, 9)], "has a coordinate that is no number"),
        ([(1, 1), (2, 2)], "has a ring of 2 different points"),
        ([(1, 1), (2, 1e30), (4, 9)], "has the coordinate 1e\\+30"),
        ([], "has a ring of 0 different points"),
    ],
)
def test_unusable_shapes_are_named(tmp_path, points, words):
    with pytest.raises(AnnotationError, match=rf"a.xml: annotation 1 \('Annotation 0'\) {words}"):
        read_asap(file_of(tmp_path, annotation(SQUARE), annotation(points)))


@pytest.mark.parametrize("text", ["", "<a", f"<{ROOT}></b>", "\x00\x01", f"<{ROOT}>" + "<a>" * 100])
def test_other_content_is_refused_in_one_line(tmp_path, text):
    file = tmp_path / "a.xml"
    file.write_text(text)
    with pytest.raises(AnnotationError, match=r"not valid XML|levels deep") as caught:
        read_asap(file)
    assert "\n" not in str(caught.value)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(MissingFileError, match="not found"):
        read_asap(tmp_path / "none.xml")


@pytest.mark.real
def test_the_two_files_of_the_mosaic_draw_the_same_image(real_data):
    folder = real_data / "wsi"
    values = {"ROI": 1, "Tumor": 2}
    asap = read_asap(folder / "mosaic_node_asap.xml", whole=("ROI",))
    images = []
    for found in (read_geojson(folder / "mosaic_node_qupath.geojson"), asap):
        drawn = sorted((a for a in found.annotations if a.class_name in values), key=lambda a: values[a.class_name])
        areas, labels = [a.area for a in drawn], [values[a.class_name] for a in drawn]
        images.append(DrawnAreas(areas, labels).draw(0, 0, 2048, 3072))
    expected = json.loads((folder / "expected.json").read_text())["mosaic_node_qupath.geojson"]
    assert np.mean(images[0] != images[1]) < 1e-3
    assert (images[0] == 2).sum() == pytest.approx(expected["Tumor area px"], rel=1e-3)


@pytest.mark.parametrize("text", ['<Annotations MicronsPerPixel="0.5"><Annotation/></Annotations>', "<foo/>"])
def test_xml_of_other_programs_is_refused_with_what_it_begins_with(tmp_path, text):
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(AnnotationError, match=r"a\.xml: is not ASAP's: it begins with <(Annotations|foo)>"):
        read_asap(tmp_path / "a.xml")
