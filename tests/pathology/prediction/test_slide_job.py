"""One slide through a whole prediction: equal to the prediction of a picture, resumable, honest about damage."""

import errno
import gzip
import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from nnunetv2.errors import (
    DriftError,
    MissingPixelSizeError,
    OutputExistsError,
    SettingsError,
    SlideError,
    UnreadableSlideError,
)
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.inference.tile_accumulation import InvalidLogitsError
from nnunetv2.pathology.outputs import slide_files
from nnunetv2.pathology.outputs.bands import BandFiles
from nnunetv2.pathology.outputs.export_settings import ExportSettings
from nnunetv2.pathology.outputs.slide_export import export_slide
from nnunetv2.pathology.prediction.archive_status import archive_status
from nnunetv2.pathology.prediction.slide_job import SlideJob
from nnunetv2.pathology.prediction.slide_model import SlideModel
from nnunetv2.pathology.prediction.slide_normalisation import ChannelStatistics
from nnunetv2.pathology.prediction.slide_outputs import SlideOutputs
from nnunetv2.pathology.prediction.slide_prediction import SlidePrediction
from nnunetv2.pathology.prediction.slide_predictor import SlidePredictor, SlideResult
from nnunetv2.pathology.prediction.slide_settings import SlideSettings
from nnunetv2.pathology.prediction.slide_work import RunOptions
from nnunetv2.pathology.prediction.staging import Stage
from nnunetv2.pathology.slides import reader_choice
from nnunetv2.pathology.slides.geometry import Box
from nnunetv2.pathology.slides.slide import Slide, open_slide
from nnunetv2.pathology.slides.slide_source import SlideSource
from sample_data.pyramids import Damage, PyramidSettings, write_pyramid
from tests.factories.models import build_tiny_network
from tests.factories.plans import make_dataset_json
from tests.pathology.prediction.small_slides import labels_of, make_predictor, picture
from tests.pathology.qupath_rules import broken_rules
from tests.pathology.slides.slide_files import lose_level, profile_that_swaps_red_and_blue, write_small_slide

EVERYTHING = partial(SlideSettings, mpp=0.5, tissue="none", normalization="image")


FOR_QUPATH = ("labels", "geojson", "overlay", "probabilities")
LABELS_OF_OVERLAPPING_TILES = EVERYTHING(save=("labels",))
LABELS = EVERYTHING(step_size=1.0, save=("labels", "overlay", "probabilities"))


@pytest.fixture(scope="module")
def model() -> SlideModel:
    return SlideModel(make_predictor(), "tiny", "77ab")


def test_a_model_whose_classes_no_file_of_a_slide_can_name_is_refused_before_it_predicts() -> None:
    predictor = make_predictor()
    predictor.dataset_json["labels"] = {"background": 0, "a\nb": 1, "c": 2}
    with pytest.raises(SettingsError, match=r"model M: its class 'a\\nb' is no text in one line"):
        SlideModel(predictor, "M", "")


def test_statistics_of_the_plans_need_means_and_deviations_but_no_extremes() -> None:
    predictor = make_predictor()
    model, entries = SlideModel(predictor, "M", ""), predictor.plans_manager.foreground_intensity_properties_per_channel
    entries.clear()
    with pytest.raises(SettingsError, match=r"model M: its plans do not state mean and standard deviation"):
        _ = model.dataset_statistics
    entries.update({str(channel): {"mean": 100 + channel, "std": 10} for channel in range(3)})
    assert model.dataset_statistics == ChannelStatistics((100.0, 101.0, 102.0), (10.0,) * 3)
    entries["1"] = {**entries["1"], "min": 3, "max": 200}
    assert (model.dataset_statistics.low, model.dataset_statistics.high) == ((0.0, 3.0, 0.0), (255.0, 200.0, 255.0))


@pytest.mark.parametrize(("height", "width"), [(300, 420), (64, 64), (40, 200), (30, 20)])
def test_a_picture_as_a_slide_has_the_labels_of_a_picture(
    model: SlideModel, tmp_path: Path, height: int, width: int
) -> None:
    file = picture(tmp_path, height, width)
    image = np.asarray(Image.open(file)).astype(np.float32).transpose(2, 0, 1)[:, None]
    expected = model.predictor.predict_single_npy_array(image, {"spacing": [999.0, 1.0, 1.0]})[0]
    state = SlideJob(model, LABELS_OF_OVERLAPPING_TILES).run(str(file), "a", tmp_path / "out", slide_mpp=0.5)
    assert state["state"] == "done"
    assert len(np.unique(expected)) == 3
    assert np.array_equal(labels_of(tmp_path / "out"), expected)


def test_colours_follow_the_profile_of_a_slide_as_they_did_in_training(tmp_path: Path) -> None:
    with Image.open(picture(tmp_path, 100, 130)) as drawn:
        drawn.save(tmp_path / "b.png", icc_profile=profile_that_swaps_red_and_blue())
    with open_slide(tmp_path / "b.png", icc="srgb") as slide:
        Image.fromarray(slide.read(0, Box(0, 0, 130, 100))[0]).save(tmp_path / "c.png")
    trained_so, as_stored = make_predictor(), make_predictor()
    trained_so.dataset_json["drift"] = {"icc": "srgb"}
    labels = {}
    for name, predictor, icc in (("b", trained_so, None), ("c", as_stored, None), ("b", as_stored, "none")):
        settings, out = replace(LABELS_OF_OVERLAPPING_TILES, icc=icc), tmp_path / f"{name}_{icc}"
        job = SlideJob(SlideModel(predictor, "tiny", "77ab"), settings)
        state = job.run(str(tmp_path / f"{name}.png"), name, out, 0.5)
        labels[name, icc] = labels_of(out)
        assert state["icc"] == state["settings"]["icc"] == ("srgb" if predictor is trained_so else "none")
    assert np.array_equal(labels["b", None], labels["c", None])
    assert not np.array_equal(labels["b", None], labels["b", "none"])


def test_colours_that_this_version_does_not_know_are_named() -> None:
    predictor = make_predictor()
    predictor.dataset_json["drift"] = {"icc": "adobe", "mpp": 0.5}
    with pytest.raises(
        SettingsError, match=r"its dataset\.json says drift\.icc = 'adobe', expected null, 'none', 'srgb'"
    ):
        SlidePredictor(predictor)
    assert SlidePredictor(predictor, SlideSettings(icc="none")).model.icc("none") == "none"


def predictor_of_folds(more_seeds: Iterable[int]) -> nnUNetPredictor:
    """Return a predictor with a further fold, of other weights, for each seed."""
    predictor = make_predictor()
    for seed in more_seeds:
        other = build_tiny_network(predictor.plans_manager.plans, "2d", 3, 3, seed=seed)
        predictor.list_of_parameters = [*predictor.list_of_parameters, other.state_dict()]
    return predictor


@pytest.mark.parametrize("batch_size", [1, 3])
def test_the_folds_of_a_model_have_the_labels_of_a_picture(tmp_path: Path, batch_size: int) -> None:
    predictor = predictor_of_folds((5, 6))
    file = picture(tmp_path, 150, 170)
    image = np.asarray(Image.open(file)).astype(np.float32).transpose(2, 0, 1)[:, None]
    expected = predictor.predict_single_npy_array(image, {"spacing": [999.0, 1.0, 1.0]})[0]
    SlideJob(SlideModel(predictor, "tiny", "1f3c"), EVERYTHING(batch_size=batch_size, save=("labels",))).run(
        str(file), "a", tmp_path / "out", slide_mpp=0.5
    )
    labels = labels_of(tmp_path / "out")
    assert (labels == expected).mean() >= (1 if batch_size == 1 else 0.9999)


@pytest.mark.parametrize(("folds", "batch_size"), [(1, 1), (3, 1), (1, 4), (3, 4)])
def test_logits_are_those_of_the_whole_picture_in_memory(tmp_path: Path, folds: int, batch_size: int) -> None:
    predictor = predictor_of_folds(range(1, folds))
    file, model = picture(tmp_path, 150, 170), SlideModel(predictor, "tiny", "1f3c")
    statistics = ChannelStatistics((128.0,) * 3, (64.0,) * 3, (0.0,) * 3, (255.0,) * 3)
    image = model.normalisation.normalised(np.asarray(Image.open(file)), statistics)
    expected = predictor.predict_logits_from_preprocessed_data(torch.from_numpy(image)[:, None])[:, 0]
    source = SlideSource(str(file), 0.5, slide_mpp=0.5)
    prediction = SlidePrediction(model, source, 170, 150, statistics, None, batch_size=batch_size)
    with closing(prediction.predicted_bands(0, [0], lambda block: None)) as bands:
        logits = next(bands).logits
    if batch_size == 1:
        assert torch.equal(logits, expected)
    assert (logits - expected).abs().max() <= 2e-3 * expected.abs().max()
    assert (logits.argmax(0) == expected.argmax(0)).double().mean() >= 0.9999


def written(folder: Path) -> dict[str, bytes]:
    names = ("labels.ome.tif", "overlay.png", "probabilities.ome.tif")
    return {name: (folder / name).read_bytes() for name in names}


def test_a_stopped_slide_goes_on_and_ends_with_the_same_bytes(
    model: SlideModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pyramid(tmp_path / "s.tif", PyramidSettings(200, 2300, block_px=512))
    job = SlideJob(model, LABELS)
    job.run(str(tmp_path / "s.tif"), "s", tmp_path / "whole")
    done: list[int] = []

    class StopsAfterTheFirstBand:
        def __init__(self, name: str, total: int):
            assert total == 3

        def update(self, number: int = 1) -> None:
            done.append(number)
            if sum(done) == 1:
                raise KeyboardInterrupt

        def close(self) -> None: ...

    with pytest.raises(KeyboardInterrupt):
        SlideJob(model, LABELS, RunOptions(make_bar=StopsAfterTheFirstBand)).run(
            str(tmp_path / "s.tif"), "s", tmp_path / "stopped"
        )
    assert json.loads((tmp_path / "stopped/state.json").read_text())["state"] == "waiting"
    computed: list[tuple[int, int]] = []
    finish = SlidePrediction.finish_bands

    def counted(self: Any, *arguments: Any) -> Any:
        for band in finish(self, *arguments):
            computed.append(band)
            yield band

    monkeypatch.setattr(SlidePrediction, "finish_bands", counted)
    state = job.run(str(tmp_path / "s.tif"), "s", tmp_path / "stopped")
    assert computed == [(0, 1), (0, 2)]
    assert state["attempts"] == 1
    assert written(tmp_path / "stopped") == written(tmp_path / "whole")
    assert not (tmp_path / "stopped/.work").exists()


def test_bands_of_a_version_that_summed_all_folds_together_are_refused(tmp_path: Path) -> None:
    model, out = SlideModel(predictor_of_folds([1]), "tiny", "77ab"), tmp_path / "out"
    write_pyramid(tmp_path / "s.tif", PyramidSettings(200, 2300, block_px=512))
    with pytest.raises(KeyboardInterrupt):
        SlideJob(model, LABELS, RunOptions(after_band=stop)).run(str(tmp_path / "s.tif"), "s", out)
    plan = json.loads((out / ".work/plan.json").read_text())
    del plan["sums"]
    (out / ".work/plan.json").write_text(json.dumps(plan))
    with pytest.raises(OutputExistsError, match=r'made with another sums \(null instead of "each fold by itself"\)'):
        SlideJob(model, LABELS).run(str(tmp_path / "s.tif"), "s", out)


def trained_on_tiles_of(tile: int, patch: int = 64) -> SlideModel:
    predictor = make_predictor(patch)
    predictor.dataset_json["drift"] = {"tile": tile}
    return SlideModel(predictor, "tiny", "77ab")


def test_windows_around_tiles_give_the_statistics_of_an_image_that_is_one_window(tmp_path: Path) -> None:
    file, model = picture(tmp_path, 150, 200), trained_on_tiles_of(256)
    settings = replace(LABELS_OF_OVERLAPPING_TILES, normalization="window")
    state = SlideJob(model, settings).run(str(file), "a", tmp_path / "window", slide_mpp=0.5)
    SlideJob(model, LABELS_OF_OVERLAPPING_TILES).run(str(file), "a", tmp_path / "image", slide_mpp=0.5)
    assert np.array_equal(labels_of(tmp_path / "window"), labels_of(tmp_path / "image"))
    assert (state["normalization"]["mode"], state["normalization"]["window_px"]) == ("window", 256)


@pytest.mark.long
def test_windows_around_tiles_are_read_across_blocks(tmp_path: Path) -> None:
    write_pyramid(tmp_path / "s.tif", PyramidSettings(1200, 1200, block_px=512, glass_share=0.5))
    settings = replace(LABELS, normalization="window", save=("labels",))
    state = SlideJob(trained_on_tiles_of(700, 256), settings).run(str(tmp_path / "s.tif"), "s", tmp_path / "out")
    assert state["read"]["blocks"] == 4
    assert len(np.unique(labels_of(tmp_path / "out"))) > 1


def stop() -> None:
    raise KeyboardInterrupt


def test_probabilities_are_kept_for_the_classes_that_are_asked_for(model: SlideModel, tmp_path: Path) -> None:
    file = picture(tmp_path, 130, 150)
    image = np.asarray(Image.open(file)).astype(np.float32).transpose(2, 0, 1)[:, None]
    expected = model.predictor.predict_single_npy_array(
        image, {"spacing": [999.0, 1.0, 1.0]}, save_or_return_probabilities=True
    )[1]
    settings = EVERYTHING(save=("labels", "probabilities"), classes=("inner",), probability_mpp=0.5)
    SlideJob(model, settings).run(str(file), "a", tmp_path / "out", slide_mpp=0.5)
    found = tifffile.imread(tmp_path / "out/probabilities.ome.tif")
    assert np.abs(found.reshape(130, 150) - 255.0 * expected[2, 0]).max() < 1
    with pytest.raises(OutputExistsError, match="made with another"):
        SlideJob(model, replace(settings, classes=None)).run(str(file), "a", tmp_path / "out", slide_mpp=0.5)
    SlideJob(model, replace(settings, save=("labels",), overwrite=True)).run(str(file), "a", tmp_path / "out", 0.5)
    assert not (tmp_path / "out/probabilities.ome.tif").exists()


@pytest.fixture(scope="module")
def predicted(model: SlideModel, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("predicted")
    write_pyramid(folder / "s.tif", PyramidSettings(1400, 1200, block_px=512, mpp=1.0))
    settings = SlideSettings(mpp=2.0, min_area_um2=200.0, save=("labels", "geojson", "overlay", "probabilities"))
    return folder, SlideJob(model, settings).run(str(folder / "s.tif"), "s", folder / "out")


def test_outside_of_tissue_and_margin_nothing_is_predicted(predicted: tuple[Path, dict[str, Any]]) -> None:
    folder, state = predicted
    labels = labels_of(folder / "out")
    assert labels.shape == (600, 700)
    assert state["view"]["mpp"] == [2.0, 2.0]
    assert 0.05 < state["tissue"]["share"] < 0.95
    assert 0 < state["tiles"]["gated"] <= state["tiles"]["total"]
    assert state["normalization"]["windows"] >= 1
    assert state["seconds"].keys() == {"preparation", "reading", "network", "writing"}
    assert state["seconds"]["network"] > 0
    assert 0 <= state["wait_share"] <= 1
    assert state["bounds"] is None
    assert (labels > 0).mean() < state["tissue"]["share"] + 0.2


def test_qupath_loads_objects_and_tissue(predicted: tuple[Path, dict[str, Any]]) -> None:
    folder = predicted[0] / "out"
    for name in ("objects.geojson.gz", "tissue.geojson"):
        assert broken_rules(folder / name) == []
    assert {"thumbnail.png", "overlay.png", "measurements.json"} <= {file.name for file in folder.iterdir()}
    classes = json.loads((folder / "measurements.json").read_text())["classes"]
    pixels = np.bincount(labels_of(folder).ravel(), minlength=3)
    assert {entry["name"]: entry["pixels"] for entry in classes} == {"outer": pixels[1], "inner": pixels[2]}


def test_an_export_writes_the_files_of_the_prediction(predicted: tuple[Path, dict[str, Any]]) -> None:
    folder = predicted[0] / "out"
    names = ("objects.geojson.gz", "overlay.png", "measurements.json")
    before = {name: (folder / name).read_bytes() for name in names}
    for name in names[:2]:
        (folder / name).unlink()
    export_slide(folder, ExportSettings(("geojson", "overlay"), min_area_um2=200.0))
    assert {name: (folder / name).read_bytes() for name in names} == before


def test_a_finished_slide_is_left_alone_unless_the_model_is_another(
    model: SlideModel, predicted: tuple[Path, dict[str, Any]]
) -> None:
    folder, state = predicted
    settings = SlideSettings(mpp=2.0, min_area_um2=200.0, save=("labels", "geojson", "overlay", "probabilities"))
    assert SlideJob(model, settings).run(str(folder / "s.tif"), "s", folder / "out") == state
    with pytest.raises(OutputExistsError, match="made with another normalization 'slide' instead of 'image'"):
        SlideJob(model, replace(settings, normalization="image")).run(str(folder / "s.tif"), "s", folder / "out")
    other = SlideModel(model.predictor, "tiny", "1f3c")
    with pytest.raises(OutputExistsError, match=r"made with another model \(hash 77ab\.\. instead of 1f3c\.\.\)"):
        SlideJob(other, SlideSettings(mpp=2.0)).run(str(folder / "s.tif"), "s", folder / "out")


def test_a_finished_slide_is_not_taken_for_another_one_of_its_name_or_for_another_pixel_size(
    model: SlideModel, tmp_path: Path
) -> None:
    job = SlideJob(model, SlideSettings(mpp=2.0))
    for folder, shade in (("a", 243), ("b", 240)):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.full((400, 500, 3), shade, np.uint8)).save(tmp_path / folder / "s.png")
    state = job.run(str(tmp_path / "a/s.png"), "s", tmp_path / "out", 2.0)
    (tmp_path / "moved").mkdir()
    moved = (tmp_path / "a/s.png").rename(tmp_path / "moved/s.png")
    (tmp_path / "out/.work").mkdir()
    assert job.run(str(moved), "s", tmp_path / "out", 2.0) == state
    assert not (tmp_path / "out/.work").exists()
    with pytest.raises(OutputExistsError, match=r"was made from another slide \(.*a/s\.png"):
        job.run(str(tmp_path / "b/s.png"), "s", tmp_path / "out", 2.0)
    with pytest.raises(OutputExistsError, match=r"another pixel size of the slide \(2\.0 instead of 1\.0"):
        job.run(str(moved), "s", tmp_path / "out", 1.0)


def test_a_request_that_is_typed_otherwise_but_means_the_same_finds_a_slide_done(
    model: SlideModel, tmp_path: Path
) -> None:
    file, out = picture(tmp_path, 90, 100), tmp_path / "out"
    drawn = {"type": "Polygon", "coordinates": [[[0, 0], [80, 0], [80, 80], [0, 80], [0, 0]]]}
    feature = {"type": "Feature", "geometry": drawn, "properties": {"classification": {"name": "ROI"}}}
    (tmp_path / "roi.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    asked = SlideSettings(mpp=8.0, tissue="none", roi=str(tmp_path / "roi.geojson"), save=("labels", "overlay"))

    def run(settings: SlideSettings, model: SlideModel = model) -> dict[str, Any]:
        return SlideJob(model, settings).run(str(file), "a", out, 8.0)

    state = run(asked)
    assert state["state"] == "done"
    (tmp_path / "rois").mkdir()
    moved = shutil.copy(tmp_path / "roi.geojson", tmp_path / "rois/a.geojson")
    for same in (
        replace(asked, save=("overlay", "labels", "labels")),
        replace(asked, classes=("inner", "outer"), simplify_um=3.0, stain="any", tissue_mpp=4.0),
        replace(asked, dicom_type="labelmap", dicom_codes="codes.json", probability_mpp=9.0, allow_upsampling=True),
        replace(asked, roi=str(tmp_path / "rois")),
    ):
        assert run(same) == state
    for other, name in (
        (replace(asked, save=("labels",)), "save"),
        (replace(asked, classes=("inner",)), "classes"),
        (replace(asked, margin_um=5.0), "margin_um"),
    ):
        with pytest.raises(OutputExistsError, match=f"made with another {name}"):
            run(other)
    Path(moved).write_text((tmp_path / "roi.geojson").read_text().replace("80", "60"))
    with pytest.raises(OutputExistsError, match="made with another roi"):
        run(replace(asked, roi=str(moved)))
    sharp = make_predictor()
    sharp.use_gaussian = False
    with pytest.raises(OutputExistsError, match="made with another use_gaussian"):
        run(asked, SlideModel(sharp, "tiny", "77ab"))


def test_a_state_that_does_not_say_from_which_slide_it_is_belongs_to_its_path(
    model: SlideModel, tmp_path: Path
) -> None:
    file, out = picture(tmp_path, 64, 64), tmp_path / "out"
    state = SlideJob(model, LABELS).run(str(file), "a", out, 0.5)
    del state["source"]
    (out / "state.json").write_text(json.dumps(state))
    assert SlideJob(model, LABELS).run(str(file), "a", out, 0.5) == state
    with pytest.raises(OutputExistsError, match="made from another slide"):
        SlideJob(model, LABELS).run(str(file.rename(tmp_path / "b.png")), "a", out, 0.5)


def test_what_an_output_needs_of_a_slide_is_asked_before_the_slide_is_predicted(
    model: SlideModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(slide: str, settings: ExportSettings) -> None:
        raise SlideError(f"{slide}: lacks FrameOfReferenceUID")

    monkeypatch.setattr(slide_files, "require_dicom_levels", lacking)
    file, out = picture(tmp_path, 64, 64), tmp_path / "out"
    with pytest.raises(SlideError, match=r"a\.png: lacks FrameOfReferenceUID"):
        SlideJob(model, EVERYTHING(save=("labels", "dicom"))).run(str(file), "a", out, 0.5)
    assert [path.name for path in out.iterdir()] == ["state.json"]
    assert json.loads((out / "state.json").read_text())["state"] == "failed"


def test_objects_that_were_not_drawn_are_not_counted_as_none(model: SlideModel, tmp_path: Path) -> None:
    SlideJob(model, replace(LABELS, save=("labels",))).run(str(picture(tmp_path, 90, 100)), "a", tmp_path / "out", 0.5)
    classes = SlideResult.read(tmp_path / "out").measurements["classes"]
    assert [(entry["objects"], entry["largest_object_mm2"]) for entry in classes] == [(None, None)] * len(classes)
    export_slide(tmp_path / "out", ExportSettings(save=("geojson",), min_area_um2=0.0))
    assert sum(entry["objects"] for entry in SlideResult.read(tmp_path / "out").measurements["classes"]) > 0


def test_empty_glass_has_no_tissue(model: SlideModel, tmp_path: Path) -> None:
    Image.fromarray(np.full((400, 500, 3), 243, np.uint8)).save(tmp_path / "glass.png")
    state = SlideJob(model, SlideSettings(mpp=2.0)).run(str(tmp_path / "glass.png"), "glass", tmp_path / "out", 2.0)
    assert (state["state"], state["tiles"]["gated"]) == ("no_tissue", 0)
    files = {"labels.ome.tif", "objects.geojson.gz", "tissue.geojson", "overlay.png", "measurements.json"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"state.json", "thumbnail.png", *files}
    labels = labels_of(tmp_path / "out")
    assert (labels.shape, labels.any()) == ((400, 500), False)
    measured = SlideResult.read(tmp_path / "out").measurements
    assert (measured["tissue_mm2"], {entry["pixels"] for entry in measured["classes"]}) == (0, {0})
    before = (tmp_path / "out/objects.geojson.gz").read_bytes()
    export_slide(tmp_path / "out", ExportSettings(save=("geojson",)))
    assert (tmp_path / "out/objects.geojson.gz").read_bytes() == before
    for name in ("labels.ome.tif", "measurements.json"):  # as of the first version, which wrote none of them
        (tmp_path / "out" / name).unlink()
    state.pop("measurements")
    (tmp_path / "out/state.json").write_text(json.dumps(state))
    SlideJob(model, SlideSettings(mpp=2.0)).run(str(tmp_path / "glass.png"), "glass", tmp_path / "out", 2.0)
    assert (tmp_path / "out/labels.ome.tif").is_file()


def test_no_file_of_an_earlier_run_stays_beside_the_state_of_a_later_one(model: SlideModel, tmp_path: Path) -> None:
    file, out = picture(tmp_path, 90, 100), tmp_path / "out"
    asked = EVERYTHING(step_size=1.0, min_area_um2=200.0, save=FOR_QUPATH)
    SlideJob(model, asked).run(str(file), "a", out, 0.5)
    (out / "labels.ome.zarr").mkdir()
    (out / "labels_seg.dcm").write_bytes(b"of an export")
    (out / "notes.txt").write_text("of the user")
    SlideJob(model, replace(asked, save=("labels",), overwrite=True)).run(str(file), "a", out, 0.5)
    left = {"state.json", "labels.ome.tif", "measurements.json", "tissue.geojson", "notes.txt"}
    assert {path.name for path in out.iterdir()} == left
    Image.fromarray(np.full((400, 500, 3), 243, np.uint8)).save(file)
    state = SlideJob(model, SlideSettings(mpp=2.0, overwrite=True)).run(str(file), "a", out, 2.0)
    assert state["state"] == "no_tissue"
    assert {path.name for path in out.iterdir()} == {*left, "thumbnail.png", "overlay.png", "objects.geojson.gz"}


def test_a_slide_that_cannot_be_predicted_anew_keeps_no_files_of_its_earlier_run(
    model: SlideModel, tmp_path: Path
) -> None:
    file, out = picture(tmp_path, 90, 100), tmp_path / "out"
    SlideJob(model, LABELS).run(str(file), "a", out, 0.5)
    file.write_bytes(b"no picture")
    with pytest.raises(UnreadableSlideError):
        SlideJob(model, replace(LABELS, overwrite=True)).run(str(file), "a", out, 0.5)
    assert [path.name for path in out.iterdir()] == ["state.json"]


@pytest.mark.parametrize(
    ("damage", "share"),
    [
        (Damage(zeroed_tiles=((0, 0),)), "failed_tissue_share"),
        (Damage(missing_tiles=((0, 0),)), "missing_share"),
    ],
)
def test_what_cannot_be_read_or_is_missing_is_an_object_of_its_own_or_an_error(
    model: SlideModel, tmp_path: Path, damage: Damage, share: str
) -> None:
    write_pyramid(tmp_path / "s.tif", PyramidSettings(512, 512, block_px=512, glass_share=0.0, damage=damage))
    run: Callable[..., Any] = partial(SlideJob(model, LABELS).run, str(tmp_path / "s.tif"), "s")
    with pytest.raises(UnreadableSlideError, match=r"25\.0 % of the tissue could not be read"):
        run(tmp_path / "out")
    with pytest.raises(UnreadableSlideError, match=r"25\.0 % of the tissue .*: 1 of 1 blocks, first at x=0 y=0"):
        run(tmp_path / "out")  # all bands are there, and still it is not done
    failed = json.loads((tmp_path / "out/state.json").read_text())
    assert (failed["state"], failed["error"]["type"]) == ("failed", "UnreadableSlideError")
    patient = SlideJob(model, EVERYTHING(step_size=1.0, max_failed=0.3, min_area_um2=200.0, save=FOR_QUPATH))
    state = patient.run(str(tmp_path / "s.tif"), "s", tmp_path / "out")
    assert (state["read"][share], state["read"]["unread"]) == (pytest.approx(0.25), [[0, 0, 256, 256]])
    features = json.loads(gzip.decompress((tmp_path / "out/objects.geojson.gz").read_bytes()))["features"]
    (unread,) = [f for f in features if f["properties"]["classification"]["name"] == "Not read"]
    assert unread["properties"]["measurements"]["Area µm^2"] == pytest.approx(256 * 256 * 0.25)
    assert broken_rules(tmp_path / "out/objects.geojson.gz") == []


class Bar:
    def __init__(self, name: str, total: int):
        self.total, self.count, self.is_closed = total, 0, False

    def update(self, number: int = 1) -> None:
        self.count += number

    def close(self) -> None:
        self.is_closed = True


@pytest.mark.long
def test_a_slide_of_which_too_much_is_lost_already_ends_early_and_says_what(model: SlideModel, tmp_path: Path) -> None:
    damage = Damage(missing_tiles=((0, 0),))
    write_pyramid(tmp_path / "s.tif", PyramidSettings(512, 2300, block_px=512, glass_share=0.0, damage=damage))
    bars: list[Bar] = []

    def make_bar(name: str, total: int) -> Bar:
        bars.append(Bar(name, total))
        return bars[-1]

    job = SlideJob(model, LABELS, RunOptions(make_bar=make_bar))
    with pytest.raises(UnreadableSlideError, match="of the tissue could not be read"):
        job.run(str(tmp_path / "s.tif"), "s", tmp_path / "out")
    assert {file.name for file in (tmp_path / "out/.work").glob("labels*")} == {"labels_0_0.b2nd"}
    assert json.loads((tmp_path / "out/state.json").read_text())["read"]["missing_share"] > 0.06
    assert (bars[0].total, bars[0].is_closed) == (3, True)
    patient = SlideJob(model, replace(LABELS, max_failed=0.06), RunOptions(make_bar=make_bar))
    state = patient.run(str(tmp_path / "s.tif"), "s", tmp_path / "out")
    assert state["read"]["missing_share"] == pytest.approx(256 * 256 / (512 * 2300))
    assert (bars[1].count, bars[1].is_closed) == (3, True)


def test_a_network_that_predicts_nan_names_the_slide(tmp_path: Path) -> None:
    predictor = make_predictor()
    for weights in predictor.list_of_parameters[0].values():
        weights.fill_(float("nan"))
    file = picture(tmp_path, 64, 64)
    job = SlideJob(SlideModel(predictor, "tiny", "0"), EVERYTHING(normalization="values:0,0,0/1,1,1"))
    with pytest.raises(InvalidLogitsError, match=r"a\.png: the network predicted NaN for the tile at x=0, y=0"):
        job.run(str(file), "a", tmp_path / "out", 0.5)
    assert str(file) in json.loads((tmp_path / "out/state.json").read_text())["error"]["message"]


def test_a_slide_that_is_stopped_while_its_parts_are_removed_stays_done(
    model: SlideModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, state = picture(tmp_path, 64, 64), tmp_path / "out/state.json"
    monkeypatch.setattr(BandFiles, "remove", lambda files: stop() if '"done"' in state.read_text() else None)
    with pytest.raises(KeyboardInterrupt):
        SlideJob(model, LABELS).run(str(file), "a", tmp_path / "out", 0.5)
    assert json.loads(state.read_text())["state"] == "done"


def test_a_disk_too_full_for_the_state_counts_no_attempt(
    model: SlideModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, out = picture(tmp_path, 64, 64), tmp_path / "out"
    replace_file, is_full = os.replace, threading.Event()

    def replace_or_fail(source: str, target: str) -> None:
        if is_full.is_set():
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        replace_file(source, target)

    def fill(*_: object, **__: object) -> None:
        is_full.set()
        raise OSError(errno.ENOSPC, "No space left on device", str(out / "x"))

    monkeypatch.setattr(os, "replace", replace_or_fail)
    with monkeypatch.context() as patched:
        patched.setattr(SlideOutputs, "write", fill)
        for _ in range(4):
            with pytest.raises(OSError, match="No space left"):
                SlideJob(model, LABELS).run(str(file), "a", out, 0.5)
            assert [path.name for path in out.iterdir()] == [".work"]
            is_full.clear()
    assert SlideJob(model, LABELS).run(str(file), "a", out, 0.5)["attempts"] == 1


def test_a_copy_is_read_in_place_of_a_slide_that_all_files_and_messages_name(model: SlideModel, tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    file = picture(tmp_path / "share", 130, 150)
    SlideJob(model, LABELS_OF_OVERLAPPING_TILES).run(str(file), "a", tmp_path / "there", slide_mpp=0.5)
    with Stage(tmp_path / "local", [], lambda path: True) as stage:
        job = SlideJob(model, LABELS_OF_OVERLAPPING_TILES, RunOptions(local_copy=stage.copy))
        state = job.run(str(file), "a", tmp_path / "here", slide_mpp=0.5)
        file.write_bytes(b"no picture")
        with pytest.raises(UnreadableSlideError) as raised:
            job.run(str(file), "a", tmp_path / "broken", slide_mpp=0.5)
    assert state["path"] == str(file)
    assert labels_of(tmp_path / "here").tobytes() == labels_of(tmp_path / "there").tobytes()
    failed = json.loads((tmp_path / "broken/state.json").read_text())
    assert str(raised.value).startswith(f"{file}: cannot be opened as a slide")
    assert failed["error"]["message"] == str(raised.value)
    assert list((tmp_path / "local").iterdir()) == []


@pytest.mark.long
def test_a_slide_of_which_nothing_can_be_read_has_not_no_tissue_but_fails(model: SlideModel, tmp_path: Path) -> None:
    damage = Damage(zeroed_tiles=tuple((x, y) for x in range(2) for y in range(2)))
    write_pyramid(tmp_path / "s.tif", PyramidSettings(512, 512, block_px=512, mpp=2.0, damage=damage))
    with pytest.raises(UnreadableSlideError, match=r"100\.0 % of the tissue could not be read"):
        SlideJob(model, SlideSettings(mpp=2.0)).run(str(tmp_path / "s.tif"), "s", tmp_path / "out")


def test_of_a_cut_file_whose_finest_level_is_whole_everything_is_predicted(model: SlideModel, tmp_path: Path) -> None:
    """The level of the model's pixel size, and that of the tissue, are beyond its end."""
    write_small_slide(tmp_path / "s.tif", width=1100, height=160, mpp=4.0, glass_share=0)
    lose_level(tmp_path / "s.tif", 1)
    state = SlideJob(model, SlideSettings(mpp=8.0)).run(str(tmp_path / "s.tif"), "s", tmp_path / "out")
    assert (state["state"], state["view"]["level"], state["tissue"]["share"] > 0.2) == ("done", 0, True)
    assert state["read"]["failed_tissue_share"] == 0
    assert [line.partition(":")[0] for line in state["warnings"]] == [
        "cut off",
        "levels that are not used, as they lie mostly beyond the end of the file",
    ]


def test_what_could_not_be_read_when_tissue_was_looked_for_is_a_warning_of_the_slide(
    model: SlideModel, tmp_path: Path
) -> None:
    damage = Damage(zeroed_tiles=((0, 0),))
    write_small_slide(tmp_path / "s.tif", width=300, height=120, mpp=8.0, glass_share=0, damage=damage)
    settings = SlideSettings(mpp=8.0, max_failed=0.9)
    state = SlideJob(model, settings).run(str(tmp_path / "s.tif"), "s", tmp_path / "out")
    (warning,) = state["warnings"]
    assert warning.endswith(
        "% of the slide could not be read when tissue was looked for; it may be tissue and counts as such"
    )


@pytest.mark.parametrize(("states_bounds", "roi"), [(True, False), (True, True), (False, False)])
def test_gaps_of_a_scan_are_no_damage_where_the_slide_states_what_was_scanned(
    model: SlideModel, tmp_path: Path, states_bounds: bool, roi: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage = Damage(missing_tiles=((0, 0),))
    write_pyramid(tmp_path / "s.tif", PyramidSettings(512, 512, block_px=512, mpp=1.0, glass_share=0.0, damage=damage))
    monkeypatch.setattr(Slide, "states_bounds", states_bounds)
    areas = {"type": "Polygon", "coordinates": [[[0, 0], [512, 0], [512, 512], [0, 512], [0, 0]]]}
    feature = {"type": "Feature", "geometry": areas, "properties": {"classification": {"name": "ROI"}}}
    (tmp_path / "roi.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    settings = replace(LABELS, mpp=1.0, roi=str(tmp_path / "roi.geojson") if roi else None)
    run = partial(SlideJob(model, settings).run, str(tmp_path / "s.tif"), "s", tmp_path / "out")
    if states_bounds:
        read = run()["read"]
        assert (read["missing_share"], read["unread"]) == (0, [])
    else:
        with pytest.raises(UnreadableSlideError, match=r"2\d\.\d % of the tissue could not be read"):
            run()


def test_a_slide_with_too_much_damage_is_predicted_to_its_end_if_asked_and_fails_with_its_files(
    model: SlideModel, tmp_path: Path
) -> None:
    damage = Damage(zeroed_tiles=((0, 0),))
    write_pyramid(tmp_path / "s.tif", PyramidSettings(512, 512, block_px=512, glass_share=0.0, damage=damage))
    run = partial(SlideJob(model, replace(LABELS, keep_partial=True)).run, str(tmp_path / "s.tif"), "s")
    for _ in range(2):
        with pytest.raises(UnreadableSlideError, match=r"25\.0 % of the tissue could not be read"):
            run(tmp_path / "out")
        state = json.loads((tmp_path / "out/state.json").read_text())
        assert state["state"] == "failed"
        assert state["read"]["failed_tissue_share"] == pytest.approx(0.25)
        assert labels_of(tmp_path / "out").shape == (512, 512)
        assert (tmp_path / "out/measurements.json").is_file()
    SlideJob(model, replace(LABELS, max_failed=0.3)).run(str(tmp_path / "s.tif"), "s", tmp_path / "whole")
    assert written(tmp_path / "out") == written(tmp_path / "whole")


def test_a_model_that_does_not_state_its_pixel_size_is_named_and_the_slide_can_be_tried_again(
    model: SlideModel, tmp_path: Path
) -> None:
    file = picture(tmp_path, 64, 64)
    for _ in range(4):
        with pytest.raises(MissingPixelSizeError, match=r"model tiny does not state the pixel size"):
            SlideJob(model, SlideSettings()).run(str(file), "a", tmp_path / "out", 0.5)
    state = json.loads((tmp_path / "out/state.json").read_text())
    assert (state["state"], state["attempts"]) == ("waiting", 0)
    assert "does not state the pixel size" in state["error"]["message"]


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        ({"mpp": 0.2}, {"mpp": 0.2, "allow_upsampling": True}, "--allow_upsampling"),
        ({"mpp": 0.5, "roi": "absent.geojson"}, {"mpp": 0.5}, r"absent\.geojson"),
    ],
)
def test_what_another_flag_mends_is_no_failure_of_the_slide_and_no_attempt(
    model: SlideModel, tmp_path: Path, wrong: dict[str, Any], right: dict[str, Any], message: str
) -> None:
    file = picture(tmp_path, 64, 64)
    for _ in range(4):
        with pytest.raises(DriftError, match=message):
            SlideJob(model, replace(LABELS, **wrong)).run(str(file), "a", tmp_path / "out", 0.5)
    (status,) = archive_status(tmp_path)
    assert (status.name, status.state, status.attempts) == ("out", "waiting", 0)
    assert re.search(message, status.message)
    assert SlideJob(model, replace(LABELS, **right)).run(str(file), "a", tmp_path / "out", 0.5)["state"] == "done"


def test_links_among_the_files_of_a_stopped_slide_are_not_followed(model: SlideModel, tmp_path: Path) -> None:
    write_pyramid(tmp_path / "s.tif", PyramidSettings(200, 2300, block_px=512))
    precious, out = tmp_path / "precious", tmp_path / "out"
    run = partial(SlideJob(model, LABELS, RunOptions(after_band=stop)).run, str(tmp_path / "s.tif"), "s", out)
    with pytest.raises(KeyboardInterrupt):
        run()
    for name in ("read.jsonl", "labels_0_1.b2nd"):
        precious.write_bytes((out / ".work/labels_0_0.b2nd").read_bytes())
        (out / ".work" / name).unlink(missing_ok=True)
        (out / ".work" / name).symlink_to(precious)
    (out / "labels.ome.tif").symlink_to(precious)
    before = precious.read_bytes()
    SlideJob(model, LABELS).run(str(tmp_path / "s.tif"), "s", out)
    SlideJob(model, LABELS).run(str(tmp_path / "s.tif"), "s", tmp_path / "whole")
    assert precious.read_bytes() == before
    assert written(out) == written(tmp_path / "whole")
    assert not (out / "labels.ome.tif").is_symlink()


@pytest.mark.parametrize(
    ("place", "lack"),
    [
        ("nnunetv2.inference.stripe_sums.zeros_apart", MemoryError("Unable to allocate 9 GiB")),
        ("nnunetv2.pathology.prediction.slide_prediction.read_blocks", OSError(errno.ENOMEM, "Cannot allocate memory")),
    ],
)
def test_a_lack_of_memory_is_not_the_fault_of_a_slide(
    model: SlideModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, lack: Exception
) -> None:
    def fail(*_: Any) -> None:
        raise lack

    monkeypatch.setattr(place, fail)
    with pytest.raises(type(lack), match="llocate"):
        SlideJob(model, LABELS).run(str(picture(tmp_path, 64, 64)), "a", tmp_path / "out", 0.5)
    assert json.loads((tmp_path / "out/state.json").read_text())["state"] != "failed"


def test_a_slide_whose_opening_hangs_fails_after_the_timeout(
    model: SlideModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, end = picture(tmp_path, 64, 64), threading.Event()
    monkeypatch.setattr(reader_choice, "opening", lambda *_: end.wait(60))
    job = SlideJob(model, LABELS, RunOptions(read_timeout_s=0.2))
    with pytest.raises(UnreadableSlideError, match=r"a\.png: opening it takes more than 0\.2 s"):
        job.run(str(file), "a", tmp_path / "out", 0.5)
    end.set()
    assert json.loads((tmp_path / "out/state.json").read_text())["state"] == "failed"


def test_a_model_for_other_images_is_refused() -> None:
    predictor = make_predictor()
    predictor.dataset_json = make_dataset_json(".png", 1)
    with pytest.raises(SettingsError, match="for images of 1 channel"):
        SlideModel(predictor, "grey", "")
