"""What the ways to normalise a slide change: the same labels as a prediction of the whole slide, compared."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from nnunetv2.errors import SlideError
from nnunetv2.pathology.prediction.normalisation_comparison import (
    ComparedSlide,
    ModeResult,
    NormalisationComparison,
    fullest_box,
)
from nnunetv2.pathology.prediction.slide_job import SlideJob
from nnunetv2.pathology.prediction.slide_model import SlideModel
from nnunetv2.pathology.prediction.slide_settings import SlideSettings
from nnunetv2.pathology.slides.geometry import Box, ViewGrid
from nnunetv2.pathology.slides.slide_source import SlideSource
from nnunetv2.pathology.tissue.slide_tissue import TissueMask
from nnunetv2.run.slide_command import slide_entry
from sample_data.pyramids import PyramidSettings, write_pyramid
from tests.factories.models import write_model_folder
from tests.factories.plans import make_dataset_json, make_plans
from tests.pathology.prediction.small_slides import make_predictor

SETTINGS = SlideSettings(mpp=2.0, step_size=1.0, save=("labels",))


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("slide") / "s.tif"
    write_pyramid(file, PyramidSettings(1400, 1200, block_px=512, mpp=1.0))
    return file


@pytest.fixture(scope="module")
def comparison(slide: Path) -> NormalisationComparison:
    compared = ComparedSlide(SlideModel(make_predictor(), "m", "1"), SlideSource(str(slide), 2.0), "s", SETTINGS, 200)
    same = lambda opened, grid, box: np.zeros((box.height, box.width), np.int32)  # noqa: E731
    return compared.compare(["slide", "image", "values:0,0,0/1,1,1"], same)


def test_the_part_that_is_compared_has_the_labels_of_a_prediction_of_the_whole_slide(
    comparison: NormalisationComparison, slide: Path, tmp_path: Path
) -> None:
    model = SlideModel(make_predictor(), "m", "1")
    for mode in ("slide", "image"):
        SlideJob(model, replace(SETTINGS, normalization=mode)).run(str(slide), "s", tmp_path / mode)
        box = comparison.box
        whole = tifffile.imread(tmp_path / mode / "labels.ome.tif")[box.y : box.bottom, box.x : box.right]
        found = comparison.results[mode].labels
        assert len(np.unique(found)) > 1
        assert np.array_equal(found[comparison.counts], whole[comparison.counts])


def test_shares_are_of_the_compared_pixels(comparison: NormalisationComparison) -> None:
    assert (comparison.box.width, comparison.box.height) == (200, 200)
    pairs = comparison.disagreements()
    assert next(iter(pairs)) == ("slide", "image")
    assert len(pairs) == 3
    labels = [comparison.results[mode].labels[comparison.counts] for mode in ("slide", "image")]
    assert pairs["slide", "image"] == pytest.approx((labels[0] != labels[1]).mean())
    assert pairs["slide", "values:0,0,0/1,1,1"] > 0


def test_dice_counts_only_where_the_annotation_says_something() -> None:
    labels, truth = np.array([[1, 1, 2, 0]]), np.array([[1, 0, -1, 1]])
    counts, classes = np.ones((1, 4), bool), {"a": 1, "b": 2}
    found = NormalisationComparison(
        Box(0, 0, 4, 1), (1.0, 1.0), counts, classes, {"slide": ModeResult(labels, {})}, truth
    )
    assert found.dice() == {"slide": {"a": 0.5, "b": None}}


def test_the_fullest_part_is_taken() -> None:
    mask = np.zeros((64, 64), bool)
    mask[40:60, 20:40] = True
    grid = ViewGrid(0, 1.0, 1.0, 4096, 4096, 1.0, 1.0)
    box = fullest_box(TissueMask(mask, (64.0, 64.0), (64.0, 64.0)), grid, 1500)
    assert (box.width, box.height) == (1500, 1500)
    assert (box.x, box.y) == (1024, 2048) or box.y == 4096 - 1500


def test_a_slide_without_tissue_is_named(tmp_path: Path) -> None:
    Image.fromarray(np.full((400, 500, 3), 243, np.uint8)).save(tmp_path / "g.png")
    source = SlideSource(str(tmp_path / "g.png"), 2.0, slide_mpp=2.0)
    with pytest.raises(SlideError, match="no tissue found to compare"):
        ComparedSlide(SlideModel(make_predictor(), "m", "1"), source, "g", SETTINGS).compare(["slide", "image"])


def test_a_slide_without_tissue_is_compared_where_all_of_it_is_taken(tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 50, 3), 243, np.uint8)).save(tmp_path / "g.png")
    source, everywhere = SlideSource(str(tmp_path / "g.png"), 2.0, slide_mpp=2.0), replace(SETTINGS, tissue="none")
    compared = ComparedSlide(SlideModel(make_predictor(), "m", "1"), source, "g", everywhere)
    assert compared.compare(["image", "values:0,0,0/1,1,1"]).counts.sum() == 40 * 50


def entry(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    command = ["drift slide", "compare", "-device", "cpu", "-nr", "0", *map(str, words)]
    monkeypatch.setattr(sys, "argv", command)
    code = 0
    try:
        slide_entry()
    except SystemExit as ended:
        code = int(ended.code or 0)
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def square(name: str, left: int, right: int) -> dict[str, object]:
    corners = [[left, 0], [right, 0], [right, 1200], [left, 1200], [left, 0]]
    properties = {"classification": {"name": name}}
    return {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [corners]}, "properties": properties}


def test_the_command_prints_what_differs_and_the_dice_of_an_annotated_slide(
    slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plans = make_plans([64, 64], [1.0, 1.0], ".png", 3)
    model = write_model_folder(tmp_path / "model", plans, make_dataset_json(".png", 3), folds=(0,))
    drawn = tmp_path / "s.geojson"
    features = [square("Outer", 0, 1400), square("inner", 700, 1400)]
    drawn.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    words = ("-i", slide, "-m", model, "--mpp", 2, "-step_size", 1, "--edge", 128, "--normalization", "slide", "image")
    code, shown, errors = entry(monkeypatch, capsys, *words, "-a", drawn)
    assert code == 2
    assert "did you mean outer? --map Outer=outer" in errors
    code, shown, _ = entry(monkeypatch, capsys, *words, "-a", drawn, "--map", "Outer=outer")
    assert code == 0
    assert "slide / image" in shown
    assert "Dice" in shown
    code, shown, _ = entry(monkeypatch, capsys, *words, "-a", drawn, "--map", "Outer=outer", "--json")
    content = json.loads(shown)
    assert content["dice"].keys() == {"slide", "image"}
    assert 0 <= content["differing"][0]["share"] <= 1
    code, _, errors = entry(monkeypatch, capsys, *words[:-1])
    assert (code, errors.strip()) == (2, "error: --normalization slide: expected two or more ways to compare")
