import json
from pathlib import Path

import numpy as np
import pytest
import shapely

from nnunetv2.errors import ArgumentError, CallError
from nnunetv2.pathology.annotations.geojson_writer import GeoJsonSettings, WrittenObjects, write_objects
from nnunetv2.pathology.annotations.outline_cleanup import OutlineSettings, cleaned
from nnunetv2.pathology.annotations.qupath_geojson import read_geojson
from nnunetv2.pathology.annotations.qupath_objects import SlideObject, size_measurements
from nnunetv2.pathology.annotations.stitching import outlines_of_image
from tests.pathology.annotations.label_maps import blobs, painted
from tests.pathology.qupath_rules import broken_rules

NAMES = {1: "Tumor", 2: "Stroma: dense", 3: 'Nekrose "ä"'}


def objects_of(labels: np.ndarray, settings: OutlineSettings) -> list[SlideObject]:
    def read(top: int, left: int, height: int, width: int) -> np.ndarray:
        return labels[top : top + height, left : left + width]

    shown = []
    for outline in outlines_of_image(read, *labels.shape, block=32):
        polygon = cleaned(outline.polygon, settings)
        if polygon is not None:
            sizes = size_measurements(polygon, 0.25, 0.5)
            shown.append(SlideObject(polygon, NAMES[outline.label], (200, 0, outline.label), sizes))
    return shown


def boxes(count: int) -> list[SlideObject]:
    corners = [(n * 20, 0, n * 20 + 1 + n % 10, 5) for n in range(count)]
    return [SlideObject(shapely.box(*corner), "Cell", (1, 2, 3)) for corner in corners]


def written(shown: list[SlideObject], target: Path, **settings) -> WrittenObjects:
    return write_objects(shown, target, "a.svs 77ab", {"model": "tiny"}, GeoJsonSettings(**settings))


@pytest.mark.parametrize("settings", [OutlineSettings(0, 0), OutlineSettings(), OutlineSettings(2, 5, 1.98, 1.97)])
@pytest.mark.parametrize("seed", range(3))
def test_qupath_accepts_every_object(tmp_path, seed, settings):
    file = tmp_path / "objects.geojson.gz"
    objects = objects_of(blobs(90, 120, seed), settings)
    assert written(objects, file).count == len(objects) > 5
    assert broken_rules(file) == []


def test_drawing_the_objects_of_a_file_gives_the_label_image_back(tmp_path):
    labels = blobs(60, 80, 5)
    written(objects_of(labels, OutlineSettings(0, 0)), tmp_path / "a.geojson")
    found = read_geojson(tmp_path / "a.geojson")
    values = {name: label for label, name in NAMES.items()}
    areas = [annotation.area for annotation in found.annotations]
    assert found.warnings == ()
    assert np.array_equal(painted(areas, [values[a.class_name] for a in found.annotations], labels.shape), labels)


def test_equal_objects_are_equal_bytes_and_another_slide_has_other_ids(tmp_path):
    one, two, other = (tmp_path / f"{name}.geojson.gz" for name in "abc")
    written(boxes(5), one)
    written(boxes(5), two)
    write_objects(boxes(5), other, "b.svs 77ab")
    assert one.read_bytes() == two.read_bytes()
    assert one.read_bytes() != other.read_bytes()


def test_each_feature_is_one_line_with_class_colour_and_sizes(tmp_path):
    hole = shapely.Polygon([(0, 0), (0, 9), (9, 9), (9, 0)], [[(2, 2), (2, 4), (4, 4), (4, 2)]])
    measured = {**size_measurements(hole, 0.5, 0.5), "Mean probability": float("nan")}
    written([SlideObject(hole, "Tumor", (200, 0, 0), measured)], tmp_path / "a.geojson")
    first, line, last = (tmp_path / "a.geojson").read_text().splitlines()
    feature = json.loads(line)
    assert (first, last) == ('{"type":"FeatureCollection","features":[', "]}")
    assert feature["geometry"] == shapely.geometry.mapping(hole) | {
        "coordinates": json.loads(line)["geometry"]["coordinates"]
    }
    assert len(feature["geometry"]["coordinates"]) == 2
    assert feature["properties"] == {
        "objectType": "annotation",
        "classification": {"name": "Tumor", "color": [200, 0, 0]},
        "isLocked": False,
        "measurements": {"Area µm^2": 19.25, "Perimeter µm": 22.0, "Mean probability": "NaN"},
        "metadata": {"model": "tiny"},
    }


def test_many_objects_become_detections_unless_asked_otherwise(tmp_path):
    file = tmp_path / "a.geojson"
    assert written(boxes(2000), file).object_type == "annotation"
    assert written(boxes(2001), file).object_type == "detection"
    assert file.read_text().count('"objectType":"detection"') == 2001
    assert written(boxes(2001), file, objects="annotation").object_type == "annotation"


def test_the_smallest_of_too_many_objects_are_left_out_and_counted(tmp_path):
    file = tmp_path / "a.geojson"
    result = written(boxes(20), file, max_objects=4)
    assert (result.count, result.left_out) == (4, 16)
    assert {annotation.area.area for annotation in read_geojson(file).annotations} == {45, 50}
    assert (result.classes["Cell"].count, result.classes["Cell"].largest) == (20, 50)


def test_no_objects_are_an_empty_collection(tmp_path):
    file = tmp_path / "a.geojson.gz"
    assert written([], file).count == 0
    assert broken_rules(file) == []


@pytest.mark.parametrize(
    ("polygon", "words"),
    [
        (shapely.Polygon([(0, 0), (9, 9), (9, 0), (0, 9)]), "is invalid .Self-intersection"),
        (shapely.box(0, 0, 1.5, 2), "no whole numbers"),
        (shapely.box(0, 0, 2**24 + 2, 2), "no whole numbers up to 16777216"),
        (shapely.LineString([(0, 0), (1, 1)]), "is a LineString"),
    ],
)
def test_an_object_that_qupath_would_refuse_leaves_the_old_file_as_it_was(tmp_path, polygon, words):
    file = tmp_path / "a.geojson"
    written(boxes(3), file)
    before = file.read_bytes()
    with pytest.raises(CallError, match=words):
        written([*boxes(2), SlideObject(polygon, "Tumor", (0, 0, 0))], file)
    assert file.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.geojson"]


def test_unknown_object_types_are_refused():
    with pytest.raises(ArgumentError, match="objects is 'cells', expected one of auto, annotation, detection"):
        GeoJsonSettings(objects="cells")
