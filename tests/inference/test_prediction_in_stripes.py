"""Predictions of files that need no logits of whole images; labels are those of the methods that have them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nnunetv2.ensembling.probability_files import read_probabilities
from nnunetv2.file_kinds.case_properties import load_properties
from nnunetv2.inference import predict_from_raw_data, predict_stripes, predict_tiles
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.inference.tile_accumulation import TileSum
from nnunetv2.utilities.label_handling.label_handling import LabelManager
from tests.factories.models import CPU, Trainer, write_model_folder
from tests.factories.plans import make_dataset_json, make_plans
from tests.inference.conftest import write_rgb

REGIONS = {"background": 0, "whole": [1, 2], "core": 2}


@pytest.fixture(autouse=True)
def low_stripes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict_stripes, "BAND_HEIGHT_PX", 16)


@pytest.fixture
def no_whole_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict_tiles, "TileSum", lambda *_: pytest.fail("the logits of a whole image"))


def load(folder: Path, **settings: object) -> nnUNetPredictor:
    predictor = nnUNetPredictor(device=CPU, allow_tqdm=False, **settings)
    predictor.initialize_from_trained_model_folder(folder, None)
    return predictor


def predicted(predictor: nnUNetPredictor, images: Path, out: Path) -> dict[str, np.ndarray]:
    predictor.predict_from_files(images, out, False, True, 0, 0)
    return {file.stem: np.array(Image.open(file))[None] for file in sorted(out.glob("*.png"))}


def from_arrays(predictor: nnUNetPredictor, images: Path, probabilities: bool = False) -> dict[str, np.ndarray]:
    """Predict with the logits of whole images."""
    reader = predictor.plans_manager.image_reader_writer_class()
    files = sorted(images.iterdir())
    read = {file.name.removesuffix("_0000.png"): reader.read_images([str(file)]) for file in files}
    return {name: predictor.predict_single_npy_array(*case, None, None, probabilities) for name, case in read.items()}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Pictures of several stripes, one with black around it, one smaller than a tile."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    write_rgb(folder / "a_0000.png", 0, (90, 50))
    write_rgb(folder / "small_0000.png", 1, (70, 20))
    write_rgb(folder / "framed_0000.png", 2, (80, 60))
    framed = np.array(Image.open(folder / "framed_0000.png"))
    framed[:9] = framed[-20:] = framed[:, :7] = framed[:, -3:] = 0
    Image.fromarray(framed).save(folder / "framed_0000.png")
    return folder


@pytest.mark.parametrize(
    "settings", [{}, {"use_mirroring": False, "tile_step_size": 0.3}, {"use_gaussian": False, "tile_step_size": 1}]
)
def test_labels_are_those_of_whole_images(rgb_model, pictures, tmp_path, settings, monkeypatch):
    predictor = load(rgb_model, **settings)
    expected = from_arrays(predictor, pictures)
    monkeypatch.setattr(predict_tiles, "TileSum", lambda *_: pytest.fail("the logits of a whole image"))
    np.testing.assert_equal(predicted(predictor, pictures, tmp_path / "out"), expected)


def test_regions_are_those_of_whole_images(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(predict_from_raw_data, "recursive_find_trainer_class_by_name", lambda name: Trainer)
    labels = make_dataset_json(".png", 3, REGIONS, regions_class_order=[1, 2])
    predictor = load(
        write_model_folder(tmp_path / "model", make_plans([32, 32], [1.0, 1.0], ".png", 3), labels, (0, 1))
    )
    expected = from_arrays(predictor, pictures)
    np.testing.assert_equal(predicted(predictor, pictures, tmp_path / "out"), expected)
    assert set(np.unique(expected["a"])) == {0, 1, 2}


@pytest.mark.parametrize(("labels", "workers"), [("classes", 1), ("regions", 0)])
def test_saved_probabilities_are_those_of_whole_images(pictures, tmp_path, monkeypatch, labels, workers):
    monkeypatch.setattr(predict_from_raw_data, "recursive_find_trainer_class_by_name", lambda name: Trainer)
    regions = make_dataset_json(".png", 3, REGIONS, regions_class_order=[1, 2])
    dataset_json = regions if labels == "regions" else make_dataset_json(".png", 3)
    plans = make_plans([32, 32], [1.0, 1.0], ".png", 3)
    predictor = load(write_model_folder(tmp_path / "model", plans, dataset_json, (0, 1)))
    expected = from_arrays(predictor, pictures, True)
    monkeypatch.setattr(predict_tiles, "TileSum", lambda *_: pytest.fail("the logits of a whole image"))
    predictor.predict_from_files(pictures, tmp_path / "out", True, True, workers, workers)
    for case, (segmentation, probabilities) in expected.items():
        file = tmp_path / "out" / case
        saved = read_probabilities(file.with_suffix(".npz"))
        assert saved.dtype == np.float32
        np.testing.assert_allclose(saved, probabilities, rtol=0, atol=1e-6)
        assert np.array_equal(np.array(Image.open(file.with_suffix(".png"))), segmentation[0])
        assert load_properties(file.with_suffix(".pkl"))["shape_before_cropping"] == segmentation.shape


@pytest.mark.usefixtures("no_whole_image")
@pytest.mark.parametrize("workers", [0, 1])
def test_files_are_predicted_without_the_logits_of_a_whole_image(rgb_model, rgb_images, tmp_path, workers):
    load(rgb_model).predict_from_files(rgb_images, tmp_path, False, True, workers, workers)
    assert len(list(tmp_path.glob("?.png"))) == 3


def test_logits_that_half_precision_cannot_sum_give_the_labels_of_whole_images(
    rgb_model, rgb_images, tmp_path, monkeypatch
):
    predictor = load(rgb_model)
    predictor.list_of_parameters[1] = {
        name: value * 3000 if "seg_layers" in name else value for name, value in predictor.list_of_parameters[1].items()
    }
    expected = from_arrays(predictor, rgb_images)
    sums = []
    monkeypatch.setattr(predict_tiles, "TileSum", lambda *given: sums.append(given[-1]) or TileSum(*given))
    np.testing.assert_equal(predicted(predictor, rgb_images, tmp_path / "out"), expected)
    assert sums == [torch.half, torch.half, torch.float32] * 3


def test_a_replaced_method_of_the_label_manager_gets_whole_images(rgb_model, monkeypatch):
    predictor = load(rgb_model)
    assert predictor.works_in_stripes(True)
    monkeypatch.setattr(LabelManager, "convert_logits_to_segmentation", lambda self, logits: logits.argmax(0))
    assert not predictor.works_in_stripes(True)


def test_a_caller_in_reduced_precision_gets_the_labels_of_whole_images(rgb_model, pictures, tmp_path):
    predictor = load(rgb_model, use_mirroring=False)
    with torch.autocast("cpu", torch.bfloat16):
        expected = from_arrays(predictor, pictures)
        np.testing.assert_equal(predicted(predictor, pictures, tmp_path / "out"), expected)


class Noting(nnUNetPredictor):
    """Notes what its method gets."""

    def predict_logits_from_preprocessed_data(self, data):
        assert isinstance(data, torch.Tensor)
        self.shapes = [*getattr(self, "shapes", []), tuple(data.shape)]
        return super().predict_logits_from_preprocessed_data(data)


def test_methods_of_a_subclass_get_whole_images(rgb_model, rgb_images, tmp_path):
    predictor = Noting(device=CPU, allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(rgb_model, None)
    predictor.predict_from_files_sequential(str(rgb_images), str(tmp_path / "out"))
    assert predictor.shapes == [(3, 1, 40, 50)] * 3


def test_a_client_that_asks_for_the_iterator_gets_tensors(rgb_model, rgb_images):
    predictor = load(rgb_model)
    files = [[str(rgb_images / "a_0000.png")]]
    items = predictor._internal_get_data_iterator_from_lists_of_filenames(files, [None], ["a"], 0)
    assert [tuple(item["data"].shape) for item in items] == [(3, 1, 40, 50)]


class Mirroring(nnUNetPredictor):
    def _internal_maybe_mirror_and_predict(self, x):
        self.calls = getattr(self, "calls", 0) + 1
        return super()._internal_maybe_mirror_and_predict(x)


@pytest.mark.usefixtures("no_whole_image")
def test_a_subclass_that_only_predicts_tiles_in_its_way_is_called_for_each_tile(rgb_model, rgb_images, tmp_path):
    predictor = Mirroring(device=CPU, allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(rgb_model, [0])
    predictor.predict_from_files_sequential(str(rgb_images), str(tmp_path / "out"))
    assert predictor.calls == 3 * 2 * 3
