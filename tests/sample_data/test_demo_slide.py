"""What `make demo-slide` runs, and what it accepts as a result."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from sample_data import demo, demo_slide
from sample_data.demo_slide import check_areas, check_result, check_scores, dice, main, outline_areas
from sample_data.layout import STROMA, TUMOR
from sample_data.pyramids import PyramidSettings, SyntheticSlide

TINY = PyramidSettings(64, 48, block_px=64, drawn_px=32, tile_px=32, glass_share=0.0)


def test_the_whole_way_is_run_in_an_empty_place_and_earlier_slides_are_gone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(demo, "WORK", tmp_path)
    monkeypatch.setattr(demo_slide, "run", lambda *words: lines.append(" ".join(map(str, words))))
    monkeypatch.setattr(demo_slide, "add_demo_configuration", lambda _: lines.append("smaller network"))
    monkeypatch.setattr(demo_slide, "write_slides", lambda _: SyntheticSlide(TINY))
    monkeypatch.setattr(demo_slide, "check_result", lambda folder, true: lines.append(f"check {true.shape}"))
    kept, removed = tmp_path / "nnUNet_raw" / "Dataset110_SyntheticTissue", tmp_path / "slide_predictions" / "unseen"
    for folder in (kept, removed):
        folder.mkdir(parents=True)
    main()
    assert [line.split(" -")[0].replace(str(tmp_path), ".") for line in lines] == [
        "drift slide info ./slides/annotated",
        "drift slide tile",
        *("nnUNetv2_plan_and_preprocess", "smaller network", "nnUNetv2_train 111 2d_demo all", "drift slide predict"),
        "check (48, 64)",
    ]
    assert kept.is_dir()
    assert not removed.exists()


def write_outputs(folder: Path, labels: np.ndarray, *squares: tuple[str, int]) -> None:
    """Write labels, and for each class a square of this edge as its outline."""
    tifffile.imwrite(folder / "labels.ome.tif", labels)
    features = [
        {
            "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [edge, 0], [edge, edge], [0, edge], [0, 0]]]},
            "properties": {"classification": {"name": name}},
        }
        for name, edge in squares
    ]
    with gzip.open(folder / "objects.geojson.gz", "wt") as stream:
        json.dump({"features": features}, stream)


def test_a_result_that_agrees_with_the_truth_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = np.zeros((20, 20), np.uint8)
    labels[:10, :10], labels[10:, 10:] = TUMOR, STROMA
    write_outputs(tmp_path, labels, ("Tumor", 10), ("Stroma", 10))
    check_result(tmp_path, labels)
    assert "Tumor: Dice 1.000; outlines 100 px, labels 100 px" in capsys.readouterr().out
    with pytest.raises(SystemExit, match=r"Dice below 0\.6"):
        check_result(tmp_path, labels[::-1])


def test_scores_and_areas_have_limits() -> None:
    check_scores({"Tumor": 0.6})
    check_areas({"Tumor": 105.0}, {"Tumor": 100})
    for low in (0.59, float("nan")):
        with pytest.raises(SystemExit):
            check_scores({"Tumor": low})
    for area, pixels in ((80.0, 100), (120.0, 100), (0.0, 0)):
        with pytest.raises(SystemExit, match="the outlines of Tumor enclose"):
            check_areas({"Tumor": area}, {"Tumor": pixels})


def test_an_outline_that_crosses_itself_fails_the_demo(tmp_path: Path) -> None:
    write_outputs(tmp_path, np.zeros((2, 2), np.uint8))
    bow_tie = {"type": "Polygon", "coordinates": [[[0, 0], [4, 4], [4, 0], [0, 4], [0, 0]]]}
    feature = {"geometry": bow_tie, "properties": {"classification": {"name": "Tumor"}}}
    with gzip.open(tmp_path / "objects.geojson.gz", "wt") as stream:
        json.dump({"features": [feature]}, stream)
    with pytest.raises(SystemExit, match="QuPath would refuse"):
        outline_areas(tmp_path / "objects.geojson.gz")


def test_slides_for_training_have_masks_of_their_true_labels(tmp_path: Path) -> None:
    slide = SyntheticSlide(TINY)
    demo_slide.write_mask(tmp_path / "a_mask.tif", slide)
    assert np.array_equal(tifffile.imread(tmp_path / "a_mask.tif"), demo_slide.truth(slide))


def test_the_dice_is_1_for_equal_labels_and_0_for_classes_that_do_not_meet() -> None:
    labels = np.array([[0, TUMOR], [STROMA, STROMA]], np.uint8)
    assert dice(labels, labels) == {"Tumor": 1.0, "Stroma": 1.0}
    assert dice(labels, np.array([[TUMOR, TUMOR], [0, 0]], np.uint8)) == {"Tumor": 2 / 3, "Stroma": 0.0}
