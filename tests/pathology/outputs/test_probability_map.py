"""Maps of probabilities: what is written is read back, and the mean over an object is that of its pixels."""

from pathlib import Path

import numpy as np
import pytest
import shapely
import tifffile

from nnunetv2.errors import AnnotationError, ArgumentError, DriftError
from nnunetv2.pathology.outputs.export_settings import ExportSettings
from nnunetv2.pathology.outputs.probability_map import (
    ProbabilityGrid,
    ProbabilityMap,
    coarsening,
    mean_of_pairs,
    opened_map,
    write_probability_map,
)
from nnunetv2.pathology.outputs.slide_export import export_slide
from tests.pathology.outputs.predicted_slide import SIZE, write_predicted_slide
from tests.pathology.outputs.test_slide_export import features_of

GRID = ProbabilityGrid(("Tumor", "Stroma"), (1, 2), 4)


def written(values: np.ndarray, folder: Path, grid: ProbabilityGrid = GRID) -> Path:
    def read(plane: int, top: int, left: int, height: int, width: int) -> np.ndarray:
        return values[plane, top : top + height, left : left + width]

    target = folder / "probabilities.ome.tif"
    write_probability_map(read, values.shape[1:], (2.0, 2.0), grid, "s", "tiny", target)
    return target


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 1100, 1300), np.uint8)


@pytest.fixture(scope="module")
def file(values: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(values, tmp_path_factory.mktemp("map"))


def test_other_programs_read_channels_levels_and_pixel_size(values: np.ndarray, file: Path) -> None:
    with tifffile.TiffFile(file) as opened:
        series = opened.series[0]
        assert (series.axes, series.shape) == ("CYX", (2, 1100, 1300))
        assert np.array_equal(series.levels[0].asarray(), values)
        assert np.array_equal(series.levels[1].asarray(), np.stack([mean_of_pairs(plane) for plane in values]))
        pixels = tifffile.xml2dict(opened.ome_metadata)["OME"]["Image"]["Pixels"]
    assert [channel["Name"] for channel in pixels["Channel"]] == ["Tumor", "Stroma"]
    assert (pixels["PhysicalSizeX"], pixels["PhysicalSizeXUnit"]) == (2.0, "µm")


def test_it_is_read_back_by_windows(values: np.ndarray, file: Path) -> None:
    with ProbabilityMap(file) as opened:
        assert (opened.classes, opened.factor, opened.size) == (("Tumor", "Stroma"), 4, (1100, 1300))
        assert np.array_equal(opened.read(1, 500, 600, 90, 80), values[1, 500:590, 600:680])


@pytest.mark.parametrize("box", [(0, 0, 40, 40), (2000, 1900, 2200, 2200), (0, 0, 5200, 4400), (1021, 3, 1029, 4399)])
def test_the_mean_of_an_object_is_that_of_the_pixels_in_it(
    box: tuple[int, int, int, int], values: np.ndarray, file: Path
) -> None:
    left, top, right, bottom = box
    inside = np.s_[1, (top + 1) // 4 : (bottom + 1) // 4, (left + 1) // 4 : (right + 1) // 4]
    with ProbabilityMap(file) as opened:
        assert opened.mean("Stroma", shapely.box(*box)) == pytest.approx(values[inside].mean() / 255)
        assert opened.mean("Fat", shapely.box(*box)) is None


def test_an_object_between_the_pixels_has_the_probability_of_the_one_below(values: np.ndarray, file: Path) -> None:
    with ProbabilityMap(file) as opened:
        assert opened.mean("Tumor", shapely.box(4092, 2052, 4093, 2053)) == pytest.approx(values[0, 513, 1023] / 255)


def test_four_pixels_become_their_rounded_mean() -> None:
    assert mean_of_pairs(np.array([[0, 1, 9], [1, 0, 9], [5, 5, 5]], np.uint8)).tolist() == [[1]]
    assert mean_of_pairs(np.full((2, 2), 255, np.uint8)).tolist() == [[255]]


@pytest.mark.parametrize(("wanted", "factor"), [(None, 4), (0.5, 1), (1.0, 2), (1.3, 2), (1.6, 4), (5000.0, 1024)])
def test_pixels_become_coarser_by_powers_of_two(wanted: float | None, factor: int) -> None:
    assert coarsening(0.5, wanted) == factor


def test_finer_pixels_than_those_of_the_labels_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"--probability_mpp 0\.2: expected at least the 0\.5 um"):
        coarsening(0.5, 0.2)


def test_an_export_measures_the_mean_probability_of_objects(tmp_path: Path) -> None:
    write_predicted_slide(tmp_path / "s")
    shape = (1, -(-SIZE[0] // 4), -(-SIZE[1] // 4))
    written(np.full(shape, 204, np.uint8), tmp_path / "s", ProbabilityGrid(("outer",), (1,), 4))
    export_slide(tmp_path / "s", ExportSettings(min_area_um2=0.0))
    found = {
        (feature["properties"]["classification"]["name"], feature["properties"]["measurements"].get("Mean probability"))
        for feature in features_of(tmp_path / "s")
    }
    assert found == {("outer", 0.8), ("inner ring", None), ("rare", None), ("Not read", None)}


def test_damaged_and_foreign_maps_are_named(tmp_path: Path) -> None:
    write_predicted_slide(tmp_path / "s")
    written(np.zeros((2, 20, 20), np.uint8), tmp_path / "s")
    with pytest.raises(AnnotationError, match="of another prediction"):
        export_slide(tmp_path / "s", ExportSettings())
    (tmp_path / "s/probabilities.ome.tif").write_bytes((tmp_path / "s/labels.ome.tif").read_bytes())
    with pytest.raises(DriftError, match="lacks the key"), opened_map(tmp_path / "s"):
        pass
    (tmp_path / "s/probabilities.ome.tif").write_bytes(b"II*\0")
    with pytest.raises(AnnotationError, match="damaged"), opened_map(tmp_path / "s"):
        pass
