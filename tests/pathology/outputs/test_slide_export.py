"""Files made anew from the labels of a slide: what they contain, and that damaged folders are named."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnunetv2.errors import ArgumentError, DriftError, MissingFileError, SlideError
from nnunetv2.pathology.outputs.export_settings import ExportSettings
from nnunetv2.pathology.outputs.slide_export import export_slide, exportable_folders
from tests.pathology.outputs.predicted_slide import CLASSES, write_predicted_slide
from tests.pathology.qupath_rules import broken_rules


def features_of(folder: Path) -> list[dict[str, Any]]:
    return json.loads(gzip.decompress((folder / "objects.geojson.gz").read_bytes()))["features"]


def classes_of(folder: Path) -> set[str]:
    return {feature["properties"]["classification"]["name"] for feature in features_of(folder)}


def test_areas_are_those_of_the_label_image(tmp_path: Path) -> None:
    labels = write_predicted_slide(tmp_path / "s")
    content = export_slide(tmp_path / "s", ExportSettings(simplify_um=0.0, min_area_um2=0.0, ratios=("rare/outer",)))
    assert broken_rules(tmp_path / "s/objects.geojson.gz") == []
    pixels = np.bincount(labels.ravel())
    assert [entry["pixels"] for entry in content["classes"]] == pixels[1:4].tolist()
    assert content["ratios"]["rare/outer"] == pytest.approx(pixels[3] / pixels[1])
    assert content["tiles"] == {"total": 9, "gated": 4}
    assert json.loads((tmp_path / "s/measurements.json").read_text()) == content
    (unread,) = [f for f in features_of(tmp_path / "s") if f["properties"]["classification"]["name"] == "Not read"]
    assert unread["geometry"]["coordinates"][0][0] in [[123, 70], [35, 70], [35, 88], [123, 88]]


def test_objects_that_are_left_out_are_counted(tmp_path: Path) -> None:
    write_predicted_slide(tmp_path / "s")
    everything = export_slide(tmp_path / "s", ExportSettings())
    number = len(features_of(tmp_path / "s"))
    some = export_slide(tmp_path / "s", ExportSettings(max_objects=2))
    assert "objects_left_out" not in everything
    assert (len(features_of(tmp_path / "s")), some["objects_left_out"]) == (2, number - 2)
    assert export_slide(tmp_path / "s", ExportSettings()) == everything


@pytest.mark.parametrize("save", ["overlay", "zarr"])
def test_an_export_that_draws_no_outlines_leaves_the_numbers_of_objects_as_they_are(tmp_path: Path, save: str) -> None:
    if save == "zarr":
        pytest.importorskip("zarr")
    write_predicted_slide(tmp_path / "s")
    with_objects = export_slide(tmp_path / "s", ExportSettings(max_objects=2))
    assert with_objects["classes"][0]["objects"] > 0
    assert export_slide(tmp_path / "s", ExportSettings(save=(save,))) == with_objects


def test_objects_are_numbered_of_the_classes_that_are_drawn_alone(tmp_path: Path) -> None:
    write_predicted_slide(tmp_path / "s")
    everything = export_slide(tmp_path / "s", ExportSettings())["classes"]
    some = export_slide(tmp_path / "s", ExportSettings(classes=("rare",)))["classes"]
    assert all(entry["objects"] for entry in everything)
    assert [entry["objects"] for entry in some] == [None, None, everything[2]["objects"]]
    assert [entry["largest_object_mm2"] for entry in some] == [None, None, everything[2]["largest_object_mm2"]]
    assert export_slide(tmp_path / "s", ExportSettings(save=("overlay",)))["classes"] == some


def test_coordinates_are_those_of_the_whole_file_on_demand(tmp_path: Path) -> None:
    write_predicted_slide(tmp_path / "s", origin=[1000, 200])
    export_slide(tmp_path / "s", ExportSettings())
    content = features_of(tmp_path / "s")
    export_slide(tmp_path / "s", ExportSettings(frame="file"))
    for shown, moved in zip(content, features_of(tmp_path / "s"), strict=True):
        first, other = (np.array(feature["geometry"]["coordinates"][0]) for feature in (shown, moved))
        assert np.array_equal(other - first, np.broadcast_to((1000, 200), first.shape))
        assert shown["properties"]["measurements"] == moved["properties"]["measurements"]
    assert broken_rules(tmp_path / "s/objects.geojson.gz") == []


def test_the_settings_decide_on_classes_corners_and_small_objects(tmp_path: Path) -> None:
    write_predicted_slide(tmp_path / "s")
    export_slide(tmp_path / "s", ExportSettings(simplify_um=0.0, min_area_um2=0.0))
    exact = features_of(tmp_path / "s")
    assert classes_of(tmp_path / "s") == {*CLASSES, "Not read"}
    export_slide(tmp_path / "s", ExportSettings(simplify_um=4.0, min_area_um2=50.0, objects="detection"))
    coarse = features_of(tmp_path / "s")
    assert len(coarse) < len(exact)
    assert len(json.dumps(coarse)) < len(json.dumps(exact)) / 2
    assert {feature["properties"]["objectType"] for feature in coarse} == {"detection"}
    export_slide(tmp_path / "s", ExportSettings(("geojson", "overlay"), classes=("rare",)))
    assert classes_of(tmp_path / "s") == {"rare", "Not read"}
    assert (tmp_path / "s/overlay.png").is_file()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (ExportSettings(classes=("raer",)), "--classes raer: unknown.*did you mean 'rare'"),
        (ExportSettings(ratios=("rare/nothing",)), "expected two classes with a slash between"),
    ],
)
def test_unknown_classes_are_named_before_anything_is_written(
    settings: ExportSettings, message: str, tmp_path: Path
) -> None:
    write_predicted_slide(tmp_path / "s")
    with pytest.raises(ArgumentError, match=message):
        export_slide(tmp_path / "s", settings)
    assert not (tmp_path / "s/objects.geojson.gz").exists()


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"state": "failed"}, "its state is 'failed'"),
        ({"read": {}}, "lacks the key 'unread'"),
        ({"read": {"unread": [[0, 0, 1e400, 1]]}}, "JSON|whole number"),
        ({"mpp": [0.5, 0.0]}, "above 0"),
        (
            {"view": {"downsample": 1, "factor": [1, 1], "width": 9, "height": 9, "mpp": [1, 1]}},
            "of another prediction",
        ),
    ],
)
def test_a_state_that_does_not_fit_is_named(entries: dict[str, Any], message: str, tmp_path: Path) -> None:
    write_predicted_slide(tmp_path / "s", **entries)
    with pytest.raises(DriftError, match=message):
        export_slide(tmp_path / "s", ExportSettings())


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    write_predicted_slide(tmp_path / "s")
    (tmp_path / "s/thumbnail.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(SlideError, match=r"thumbnail\.png: damaged"):
        export_slide(tmp_path / "s", ExportSettings(("overlay",)))
    (tmp_path / "s/labels.ome.tif").unlink()
    with pytest.raises(MissingFileError, match="Predict the slide with --save labels"):
        export_slide(tmp_path / "s", ExportSettings())


def test_folders_of_slides_and_of_many_slides_are_both_understood(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_predicted_slide(tmp_path / name)
    assert exportable_folders([tmp_path / "b", tmp_path]) == [tmp_path / "b", tmp_path / "a"]
    with pytest.raises(MissingFileError, match="no predicted slide"):
        exportable_folders([tmp_path / "absent"])


def test_settings_refuse_what_is_out_of_range_and_survive_json() -> None:
    settings = ExportSettings(("overlay",), ("a", "b"), 0.5, ratios=("a/b",))
    assert ExportSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings
    with pytest.raises(ArgumentError, match="unknown settings of an export: colour"):
        ExportSettings.from_dict({"colour": 1})
    with pytest.raises(ArgumentError, match=r"--simplify -1: expected .*; --objects cells: expected"):
        ExportSettings(simplify_um=-1.0, objects="cells")
