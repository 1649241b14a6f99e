"""Outlines through the geometry library of QuPath, at its settings; skipped where Java or the library is missing.

Debian has both: apt-get install libjts-java default-jdk-headless.
"""

import gzip
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import shapely
from shapely.geometry import shape

from nnunetv2.pathology.annotations.geojson_writer import write_objects
from nnunetv2.pathology.outputs.export_settings import ExportSettings
from nnunetv2.pathology.outputs.labelled_slide import LabelledSlide
from nnunetv2.pathology.slides.geometry import Box
from tests.pathology.annotations.label_maps import blobs

LIBRARY = Path("/usr/share/java/jts-core.jar")
PROGRAM = Path(__file__).parent / "jts" / "ReduceAsQuPath.java"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (LIBRARY.is_file() and shutil.which("java") and shutil.which("javac")), reason="needs Java and JTS"
    ),
]


def through_jts(geometries: list[shapely.Geometry]) -> list[str]:
    lines = "".join(f"{shapely.to_wkt(geometry)}\n" for geometry in geometries)
    command = ["java", "-cp", str(LIBRARY), str(PROGRAM)]
    return subprocess.run(command, input=lines, capture_output=True, text=True, check=True).stdout.splitlines()


def slide(labels: np.ndarray, scale: float) -> LabelledSlide:
    classes = {"a": 1, "b": 2, "c": 3}

    def read(top: int, left: int, height: int, width: int) -> np.ndarray:
        return labels[top : top + height, left : left + width]

    unread = [Box(70_000, 60_000, 300, 40)]
    mpp = (0.25, 0.25)
    return LabelledSlide("s", "m", "77ab", classes, read, *labels.shape, (scale, scale), mpp, mpp, unread, 1.0)


@pytest.mark.parametrize(("scale", "simplify_um"), [(1.0, 0.0), (1.98, None), (0.53, 3.0)])
def test_every_outline_is_valid_and_keeps_its_area(scale: float, simplify_um: float | None, tmp_path: Path) -> None:
    settings = ExportSettings(simplify_um=simplify_um)
    write_objects(slide(blobs(300, 360), scale).objects(settings), tmp_path / "a.geojson.gz", "s")
    features = json.loads(gzip.decompress((tmp_path / "a.geojson.gz").read_bytes()))["features"]
    geometries = [shape(feature["geometry"]) for feature in features]
    assert len(geometries) > 50
    areas = [float(line) for line in through_jts(geometries)]
    assert areas == [geometry.area for geometry in geometries]


def test_jts_refuses_what_qupath_refuses() -> None:
    bow_tie = shapely.Polygon([(0, 0), (9, 9), (9, 0), (0, 9)])
    spike = shapely.Polygon([(0, 0), (9, 0), (9, 9), (9, 20), (9, 9), (0, 9)])
    assert [line.split(":")[0] for line in through_jts([bow_tie, spike])] == ["error", "error"]
