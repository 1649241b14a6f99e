"""OME-Zarr 0.5: arrays and metadata; skipped without the extra `zarr`, but for the message that names it."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnunetv2.errors import SettingsError
from nnunetv2.pathology.outputs.export_settings import ExportSettings
from nnunetv2.pathology.outputs.label_reduction import halved
from nnunetv2.pathology.outputs.ome_zarr import require_zarr
from nnunetv2.pathology.outputs.probability_map import ProbabilityGrid
from nnunetv2.pathology.outputs.slide_export import export_slide
from tests.pathology.outputs.predicted_slide import CLASSES, SIZE, write_predicted_slide
from tests.pathology.outputs.test_probability_map import written

MAP_SIZE = (-(-SIZE[0] // 4), -(-SIZE[1] // 4))


def attributes(group: Path) -> dict[str, Any]:
    return json.loads((group / "zarr.json").read_text())["attributes"]["ome"]


def test_labels_without_probabilities_are_the_image(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr", minversion="3")
    labels = write_predicted_slide(tmp_path / "s")
    export_slide(tmp_path / "s", ExportSettings(("zarr",)))
    export_slide(tmp_path / "s", ExportSettings(("zarr",)))
    folder = tmp_path / "s/labels.ome.zarr"
    assert np.array_equal(zarr.open_group(str(folder), mode="r")["0"][...], labels)
    about = attributes(folder)
    (multiscale,) = about["multiscales"]
    assert about["version"] == "0.5"
    assert [axis["name"] for axis in multiscale["axes"]] == ["y", "x"]
    assert multiscale["datasets"][0]["coordinateTransformations"] == [{"type": "scale", "scale": [1.1, 1.1]}]
    assert {entry["class"]: entry["label-value"] for entry in about["image-label"]["properties"]} == CLASSES


def test_labels_belong_to_the_probabilities_where_there_are_any(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr", minversion="3")
    labels = write_predicted_slide(tmp_path / "s")
    values = np.random.default_rng(0).integers(0, 256, (2, *MAP_SIZE), np.uint8)
    written(values, tmp_path / "s", ProbabilityGrid(("outer", "rare"), (1, 3), 4))
    export_slide(tmp_path / "s", ExportSettings(("zarr",)))
    folder = tmp_path / "s/probabilities.ome.zarr"
    root = zarr.open_group(str(folder), mode="r")
    assert np.array_equal(root["0"][...], values)
    assert np.array_equal(root["labels/classes/0"][...], labels)
    assert [channel["label"] for channel in attributes(folder)["omero"]["channels"]] == ["outer", "rare"]
    assert attributes(folder)["multiscales"][0]["axes"][0] == {"name": "c", "type": "channel"}
    assert attributes(folder / "labels") == {"version": "0.5", "labels": ["classes"]}
    assert attributes(folder / "labels/classes")["image-label"]["source"] == {"image": "../../"}


def test_coarser_levels_follow_from_the_finer_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zarr = pytest.importorskip("zarr", minversion="3")
    monkeypatch.setattr("nnunetv2.pathology.outputs.ome_pyramid.COARSEST_PX", 100)
    labels = write_predicted_slide(tmp_path / "s")
    export_slide(tmp_path / "s", ExportSettings(("zarr",)))
    root = zarr.open_group(str(tmp_path / "s/labels.ome.zarr"), mode="r")
    assert np.array_equal(root["1"][...], halved(labels))
    assert np.array_equal(root["2"][...], halved(halved(labels)))


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(SettingsError, match=r"pip install nnunetv2\[zarr\]"):
        require_zarr()
