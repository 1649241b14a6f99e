import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tests.pathology.qupath_rules import broken_rules

SQUARE = [[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]]
GOOD: dict[str, Any] = {
    "type": "Feature",
    "id": "c1f90704-3bfa-5a28-a8de-127713f6fc4e",
    "geometry": {"type": "Polygon", "coordinates": [SQUARE]},
    "properties": {
        "objectType": "annotation",
        "classification": {"name": "Tumor", "color": [200, 0, 0]},
        "measurements": {"Area µm^2": 81, "Mean probability": "NaN"},
    },
}


def rules_for(folder: Path, *features: dict[str, Any]) -> list[str]:
    file = folder / "a.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return broken_rules(file)


def with_ring(ring: list[list[float]]) -> dict[str, Any]:
    return {**GOOD, "geometry": {"type": "Polygon", "coordinates": [ring]}}


def without_colour() -> dict[str, Any]:
    feature = copy.deepcopy(GOOD)
    del feature["properties"]["classification"]["color"]
    return feature


def test_a_good_file_breaks_no_rule(tmp_path):
    assert rules_for(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("feature", "rule"),
    [
        (without_colour(), "classification without color"),
        (with_ring(SQUARE[:-1]), "open ring"),
        (with_ring([[0, 0], [9, 9], [9, 0], [0, 9], [0, 0]]), "invalid: Self-intersection"),
        (with_ring([[0, 0], [9, 0], [9, 9], [9, 20], [9, 9], [0, 9], [0, 0]]), "invalid: "),
        ({**GOOD, "geometry": {"type": "MultiPolygon", "coordinates": [[SQUARE]]}}, "MultiPolygon of one part"),
        (with_ring([[0, 0], [9, 0], [0, 0]]), "ring of 3 points"),
    ],
    ids=["no colour", "open ring", "bow-tie", "spike", "one-part MultiPolygon", "3-point ring"],
)
def test_malformed_files_are_told(tmp_path, feature, rule):
    (found,) = rules_for(tmp_path, feature)
    assert found.startswith(f"features[0]: {rule}")


def test_equal_ids_bare_nan_and_unknown_types_are_told(tmp_path):
    assert rules_for(tmp_path, GOOD, GOOD) == [f"id {GOOD['id']} occurs 2 times"]
    odd = copy.deepcopy(GOOD)
    odd["properties"] = {"objectType": "region", "measurements": {"a": float("nan")}, "metadata": {"a": 1}}
    assert len(rules_for(tmp_path, odd)) == 3
