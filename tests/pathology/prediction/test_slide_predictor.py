"""Slides from Python: any object with the hooks of a predictor, one slide or many, and what is refused."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from nnunetv2.errors import ArgumentError, ClaimError, InvalidOutputError, MissingPixelSizeError
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.pathology import SlidePredictor, SlideResult, SlideSettings, predict_slides
from nnunetv2.pathology.prediction.claims import claiming
from nnunetv2.pathology.prediction.model_identity import model_identity
from nnunetv2.pathology.prediction.slide_settings import OUTPUTS
from tests.factories.models import write_model_folder
from tests.factories.plans import make_dataset_json, make_plans
from tests.pathology.prediction.small_slides import labels_of, make_predictor, picture

SETTINGS = SlideSettings(mpp=0.5, tissue="none", normalization="image", save=("labels",))
HOOKS = (
    *("network", "list_of_parameters", "device", "use_gaussian", "use_mirroring", "allowed_mirroring_axes"),
    *("label_manager", "plans_manager", "configuration_manager", "dataset_json", "trainer_name"),
)


class Inverted(nnUNetPredictor):
    """A client's predictor with another idea of a prediction."""

    def _internal_maybe_mirror_and_predict(self, x: torch.Tensor) -> torch.Tensor:
        return -super()._internal_maybe_mirror_and_predict(x)


def inverted() -> Inverted:
    predictor = make_predictor()
    predictor.__class__ = Inverted
    assert isinstance(predictor, Inverted)
    return predictor


def expected_labels(predictor: nnUNetPredictor, file: Path) -> np.ndarray:
    image = np.asarray(Image.open(file)).astype(np.float32).transpose(2, 0, 1)[:, None]
    return np.asarray(predictor.predict_single_npy_array(image, {"spacing": [999.0, 1.0, 1.0]})[0])


def test_an_overridden_hook_predicts_the_tiles(tmp_path: Path) -> None:
    file = picture(tmp_path, 90, 100)
    result = SlidePredictor(inverted(), SETTINGS).predict(file, tmp_path / "out/a", slide_mpp=0.5)
    labels = labels_of(tmp_path / "out/a")
    assert np.array_equal(labels, expected_labels(inverted(), file))
    assert not np.array_equal(labels, expected_labels(make_predictor(), file))
    assert isinstance(result, SlideResult)
    assert result.state["state"] == "done"
    assert {entry["name"] for entry in result.measurements["classes"]} == {"outer", "inner"}
    assert result.files["labels.ome.tif"].is_file()
    assert not any(name.startswith(".") for name in result.files)


def test_an_object_with_the_public_attributes_of_a_predictor_is_enough(tmp_path: Path) -> None:
    predictor = make_predictor()
    other = SimpleNamespace(**{name: getattr(predictor, name) for name in HOOKS})
    other._internal_maybe_mirror_and_predict = lambda tiles: other.network(tiles)
    file = picture(tmp_path, 90, 100)
    SlidePredictor(other, SETTINGS).predict(file, tmp_path / "out", slide_mpp=0.5)
    assert np.array_equal(labels_of(tmp_path / "out"), expected_labels(predictor, file))


def test_models_that_predict_otherwise_have_another_identity() -> None:
    predictor = make_predictor()
    assert model_identity(predictor) == model_identity(make_predictor())
    others = [inverted(), make_predictor(), make_predictor(patch=32)]
    name, weights = next(iter(others[1].list_of_parameters[0].items()))
    others[1].list_of_parameters[0][name] = weights + 1
    assert len({model_identity(other) for other in (predictor, *others)}) == 4


def test_a_disagreement_about_mirroring_is_named_before_the_first_slide() -> None:
    predictor = make_predictor()
    predictor.use_mirroring = True
    with pytest.raises(ArgumentError, match="use_mirroring=True, the settings mirroring=False"):
        SlidePredictor(predictor, SETTINGS)
    with pytest.raises(MissingPixelSizeError, match="does not state the pixel size it was trained at"):
        SlidePredictor(make_predictor())


def test_a_folder_that_another_process_works_in_is_left_to_it(tmp_path: Path) -> None:
    file, predictor = picture(tmp_path, 64, 64), SlidePredictor(make_predictor(), SETTINGS)
    with claiming(tmp_path / "out"), pytest.raises(ClaimError, match="another process"):
        predictor.predict(file, tmp_path / "out", 0.5)


def test_outputs_and_slides_need_folders_of_their_own(tmp_path: Path) -> None:
    slides, predictor = tmp_path / "slides", SlidePredictor(make_predictor(), SETTINGS)
    (slides / "m").mkdir(parents=True)
    file = picture(slides, 64, 64)
    (slides / "m.mrxs").touch()
    for slide, folder in ((file, slides), (slides / "m.mrxs", slides / "m"), (slides / "m", slides / "m")):
        before = sorted(slides.rglob("*"))
        with pytest.raises(InvalidOutputError, match="need a folder of their own"):
            predictor.predict(slide, folder)
        assert sorted(slides.rglob("*")) == before
    (tmp_path / "out/a").mkdir(parents=True)
    file.rename(tmp_path / "out/a/a.png")
    with pytest.raises(InvalidOutputError, match="out/a is the folder of the slides"):
        predict_slides([tmp_path / "out/a/a.png"], tmp_path / "out", make_predictor(), SETTINGS)


def test_slides_of_a_folder_are_predicted_and_failures_collected(tmp_path: Path) -> None:
    slides = tmp_path / "slides"
    slides.mkdir()
    picture(slides, 70, 80)
    (slides / "broken.png").write_bytes(b"no picture")
    (slides / "lost.svs").symlink_to("nowhere")
    plans = make_plans([64, 64], [1.0, 1.0], ".png", 3)
    model = write_model_folder(tmp_path / "model", plans, make_dataset_json(".png", 3))
    device = torch.device("cpu")
    found = predict_slides([slides], tmp_path / "out", model, SETTINGS, slide_mpp=0.5, device=device)
    assert list(found.slides) == ["a"]
    assert found.slides["a"].state["model"]["name"] == "model"
    broken, lost = found.problems
    assert "broken.png" in broken
    assert lost == f"{slides / 'lost.svs'}: is a link to nowhere, which does not exist"
    assert {"slides.csv", "summary.csv", "report.html"} <= {file.name for file in (tmp_path / "out").iterdir()}
    again = predict_slides([slides / "a.png"], tmp_path / "out", model, SETTINGS, slide_mpp=0.5, device=device)
    assert again.slides["a"].state == found.slides["a"].state
    assert again.problems == ()


def test_slides_are_predicted_by_a_predictor_that_is_loaded_already(tmp_path: Path) -> None:
    file = picture(tmp_path, 64, 64)
    found = predict_slides([file], tmp_path / "out", inverted(), SETTINGS, slide_mpp=0.5)
    assert np.array_equal(labels_of(tmp_path / "out/a"), expected_labels(inverted(), file))
    assert found.problems == ()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"step": 0.5}, "unknown settings of a prediction on slides: step; expected some of mpp, step_size"),
        ({"mpp": "0.5"}, "mpp is '0.5', expected float or null"),
        ({"mirroring": 1}, "mirroring is 1, expected bool"),
        ({"save": "labels"}, "save is 'labels', expected tuple"),
        ({"step_size": float("nan")}, "step_size is nan"),
        ({"batch_size": True}, "batch_size is True, expected int or null"),
    ],
)
def test_settings_from_files_are_checked(values: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        SlideSettings.from_dict(values)
    assert SlideSettings.from_dict(SETTINGS.to_dict()) == SETTINGS
    assert SlideSettings.from_dict({}).save == OUTPUTS
