import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from nnunetv2.errors import AnnotationError, MissingFileError
from nnunetv2.pathology.annotations.qupath_geojson import read_geojson

SQUARE = [[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]
TUMOR = {"classification": {"name": "Tumor", "color": [200, 0, 0]}}


def feature(kind: str, coordinates: Any, properties: Any = TUMOR, **more: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": properties, **more}


def file_of(folder: Path, content: Any) -> Path:
    file = folder / "a.geojson"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


@pytest.mark.parametrize("wrap", [lambda f: {"type": "FeatureCollection", "features": [f]}, lambda f: [f], lambda f: f])
def test_collections_lists_and_single_features_are_read(tmp_path, wrap):
    (annotation,) = read_geojson(file_of(tmp_path, wrap(feature("Polygon", [SQUARE])))).annotations
    assert (annotation.class_name, annotation.area.area) == ("Tumor", 100)


def test_packed_files_are_read_by_their_content(tmp_path):
    data = json.dumps([feature("Polygon", [SQUARE])]).encode()
    packed, archive = tmp_path / "a.geojson.gz", tmp_path / "b.zip"
    packed.write_bytes(gzip.compress(data))
    with zipfile.ZipFile(archive, "w") as stream:
        stream.writestr("readme.txt", "no")
        stream.writestr("deep/a.geojson", data)
    assert read_geojson(packed) == read_geojson(archive)


def test_holes_multipolygons_and_collections_keep_their_areas(tmp_path):
    hole = [[2, 2], [4, 2], [4, 4], [2, 4]]
    far = [[[point[0] + 50, point[1]] for point in SQUARE]]
    collection = {"type": "GeometryCollection", "geometries": [feature("Polygon", far)["geometry"]]}
    content = [
        feature("Polygon", [SQUARE, hole]),
        feature("MultiPolygon", [[SQUARE], far]),
        {"type": "Feature", "geometry": collection, "properties": TUMOR},
    ]
    assert [a.area.area for a in read_geojson(file_of(tmp_path, content)).annotations] == [96, 200, 100]


@pytest.mark.parametrize(
    ("classification", "name"),
    [
        ({"name": "Stroma", "colorRGB": -1}, "Stroma"),
        ({"names": ["Immune cells", "CD3"], "color": [1, 2, 3]}, "Immune cells: CD3"),
        ("Tumor", "Tumor"),
        (" ../../etc ", "../../etc"),
    ],
)
def test_classes_are_objects_lists_or_texts(tmp_path, classification, name):
    properties = {"classification": classification}
    assert read_geojson(file_of(tmp_path, [feature("Polygon", [SQUARE], properties)])).class_names == [name]


def test_what_has_no_class_or_no_area_is_left_out_and_counted(tmp_path):
    content = [
        feature("Point", [1, 2]),
        feature("LineString", [[1, 2], [3, 4]]),
        feature("Polygon", [SQUARE], {}),
        feature("Polygon", [SQUARE], {"classification": {"name": None}}),
        {"type": "Feature", "geometry": None, "properties": TUMOR},
        feature("Polygon", [[[0, 0], [5, 5], [9, 9]]]),
    ]
    found = read_geojson(file_of(tmp_path, content))
    assert found.annotations == ()
    assert found.warnings == (
        "annotations that are points or lines left out: 2",
        "annotations without a class left out: 2",
        "annotations without a shape left out: 1",
        "annotations without extent left out: 1",
    )


def test_nested_objects_are_read_after_their_parents(tmp_path):
    child = feature("Polygon", [SQUARE], {"classification": "Nerve"})
    inside = {
        **TUMOR,
        "childObjects": [{**child, "children": [feature("Polygon", [SQUARE], {"classification": "Axon"})]}],
    }
    found = read_geojson(file_of(tmp_path, [feature("Polygon", [SQUARE], inside), feature("Polygon", [SQUARE])]))
    assert [a.class_name for a in found.annotations] == ["Tumor", "Nerve", "Axon", "Tumor"]


def test_an_ellipse_fills_the_box_of_its_points(tmp_path):
    content = feature("Polygon", [[[0, 5], [10, 0], [20, 5], [10, 10]]], {**TUMOR, "isEllipse": True})
    (annotation,) = read_geojson(file_of(tmp_path, [content])).annotations
    assert annotation.area.bounds == pytest.approx((0, 0, 20, 10))
    assert annotation.area.area == pytest.approx(np.pi * 10 * 5, rel=1e-3)


def test_invalid_rings_are_repaired_and_large_changes_counted(tmp_path):
    bow_tie = [[0, 0], [10, 10], [10, 0], [0, 10], [0, 0]]
    spike = [[0, 0], [10, 0], [10, 10], [10, 30], [10, 10], [0, 10], [0, 0]]
    found = read_geojson(file_of(tmp_path, [feature("Polygon", [bow_tie]), feature("Polygon", [spike])]))
    assert [a.area.area for a in found.annotations] == [50, 100]
    assert all(shapely.is_valid(a.area) for a in found.annotations)
    assert found.warnings == ("annotations of class Tumor changed by more than 1 % when they were repaired: 1",)


@pytest.mark.parametrize(
    ("coordinates", "words"),
    [
        ([[[0, 0], [1, float("nan")], [2, 2]]], "has a coordinate that is no number"),
        ([[[0, 0], [1, float("inf")], [2, 2]]], "has a coordinate that is no number"),
        ([[[0, 0], [1, 10**200], [2, 2]]], "has the coordinate 1e\\+200, expected at most 1e\\+08"),
        ([[[0, 0], ["1", 2], [2, 2]]], "has a coordinate that is no number"),
        ([[[0, 0], [True, 2], [2, 2]]], "has a coordinate that is no number"),
        ([[[0, 0], [1], [2, 2]]], "has a position that is no list of two numbers"),
        ([[[0, 0], [1, 1], [0, 0]]], "has a ring of 2 different points, expected at least 3"),
        ([[]], "has a ring of 0 different points"),
        ([], "has no ring"),
        ("x" * 1000, "has .*x{30}.* in place of a list of coordinates"),
        ({"a": 1}, "has .* in place of a list of coordinates"),
    ],
)
def test_unusable_coordinates_are_named(tmp_path, coordinates, words):
    content = [feature("Polygon", [SQUARE]), feature("Polygon", coordinates)]
    with pytest.raises(AnnotationError, match=rf"a.geojson: features\[1\] {words}"):
        read_geojson(file_of(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[1, 2", "not valid JSON"),
        ("[" * 100_000, "nested more than 64 levels deep"),
        ('{"type": "Topology"}', "is not GeoJSON, expected a FeatureCollection"),
        ("[7]", r"features\[0\] is no feature"),
        (json.dumps([feature("Circle", [])]), "has the geometry .Circle., expected Polygon or MultiPolygon"),
        ("[" + "9" * 10_000 + "]", "a number of 10000 digits"),
    ],
)
def test_other_content_is_refused_in_one_line(tmp_path, content, words):
    with pytest.raises(AnnotationError, match=words) as caught:
        read_geojson(file_of(tmp_path, content))
    assert "\n" not in str(caught.value)


def test_a_bomb_is_not_unpacked(tmp_path):
    packed, archive = tmp_path / "a.geojson.gz", tmp_path / "b.zip"
    packed.write_bytes(gzip.compress(b" " * (3 << 20)))
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as stream:
        stream.writestr("a.json", b" " * (3 << 20))
    for file in (packed, archive):
        with pytest.raises(AnnotationError, match="has more than 2 MiB of annotations"):
            read_geojson(file, largest_mib=2)


def test_damaged_and_missing_files_are_named(tmp_path):
    packed, archive, two = tmp_path / "a.gz", tmp_path / "b.zip", tmp_path / "c.zip"
    packed.write_bytes(gzip.compress(b"[]" * 500)[:-12])
    archive.write_bytes(b"PK\x03\x04 and nothing more")
    with zipfile.ZipFile(two, "w") as stream:
        stream.writestr("a.json", "[]")
        stream.writestr("b.json", "[]")
    for file, words in ((packed, "damaged"), (archive, "damaged"), (two, "contains 2 files of annotations")):
        with pytest.raises(AnnotationError, match=f"{file}: {words}"):
            read_geojson(file)
    with pytest.raises(MissingFileError, match="not found"):
        read_geojson(tmp_path / "none.geojson")


def test_a_tangle_with_millions_of_crossings_is_refused_before_it_takes_the_memory(tmp_path):
    count = 4000
    ring = [[n % 2 * 1000.0, n / 8] for n in range(count)] + [[n / 8, n % 2 * 1000.0] for n in range(count)]
    with pytest.raises(AnnotationError, match=r"crosses itself too often to be repaired \(8001 corners"):
        read_geojson(file_of(tmp_path, [feature("Polygon", [ring])]))


@pytest.mark.real
def test_the_annotations_of_the_mosaic_have_the_areas_that_are_known(real_data):
    folder = real_data / "wsi"
    expected = json.loads((folder / "expected.json").read_text())["mosaic_node_qupath.geojson"]
    found = read_geojson(folder / "mosaic_node_qupath.geojson")
    of_class = {name: [a.area for a in found.annotations if a.class_name == name] for name in found.class_names}
    assert sum(area.area for area in of_class["Tumor"]) == expected["Tumor area px"]
    assert sum(area.area for area in of_class["ROI"]) == expected["ROI area px"]
    assert sum(area.area for area in of_class["Necrosis"]) == expected["Necrosis area px"]


def test_objects_without_a_class_may_be_given_one(tmp_path):
    file = file_of(tmp_path, [feature("Polygon", [SQUARE], {}), feature("Polygon", [SQUARE])])
    assert [annotation.class_name for annotation in read_geojson(file, unclassified="x").annotations] == ["x", "Tumor"]
    assert len(read_geojson(file).annotations) == 1


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"type": "foo"}, r"features\[0\] has the type 'foo', expected Feature"),
        (
            feature("Polygon", [SQUARE], {"classification": "n" * 5000}),
            r"features\[0\] has a class name of 5000 characters \('n{20}'\.\.\.\), expected at most 200",
        ),
    ],
)
def test_what_no_annotation_program_writes_is_refused(tmp_path, entry, message):
    with pytest.raises(AnnotationError, match=message):
        read_geojson(file_of(tmp_path, [entry]))
