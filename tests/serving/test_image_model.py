"""Which models can be served, and what is known about them."""

from pathlib import Path
from typing import Any

import pytest

from nnunetv2.errors import InvalidValueError, SettingsError
from nnunetv2.inference import predict_from_raw_data
from nnunetv2.serving.image_model import ImageModel, load_image_model
from nnunetv2.serving.service_limits import ServiceLimits
from tests.factories.models import CPU, Trainer, write_model_folder
from tests.factories.plans import make_dataset_json, make_plans

LOADING = {"device": CPU, "allow_tqdm": False}


@pytest.fixture(autouse=True)
def _tiny_trainer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict_from_raw_data, "recursive_find_trainer_class_by_name", lambda name: Trainer)


def test_a_model_of_volumes_is_refused_by_name(tmp_path: Path) -> None:
    plans = make_plans([16, 16, 16], [1.0, 1.0, 1.0], ".nii.gz", 1)
    folder = write_model_folder(tmp_path / "volumes", plans, make_dataset_json(".nii.gz", 1))
    with pytest.raises(SettingsError, match="model volumes: it was trained on files that SimpleITKIO reads"):
        load_image_model(folder, None, "checkpoint_final.pth", LOADING)


def test_fold_all_is_used_where_it_is_the_only_one(tmp_path: Path) -> None:
    plans = make_plans([32, 32], [1.0, 1.0], ".png", 3)
    folder = write_model_folder(tmp_path / "m", plans, make_dataset_json(".png", 3), folds=("all",))
    assert len(load_image_model(folder, None, "checkpoint_final.pth", LOADING).predictor.list_of_parameters) == 1


def test_regions_have_the_values_that_the_label_image_gets(model: ImageModel) -> None:
    labels: dict[str, Any] = {"background": 0, "whole": [1, 2], "core": [2]}
    model.predictor.dataset_json = make_dataset_json(".png", 3, labels, regions_class_order=[1, 2])
    model.predictor.label_manager = model.predictor.plans_manager.get_label_manager(model.predictor.dataset_json)
    assert ImageModel(model.predictor, "regions").classes == {"whole": 1, "core": 2}


@pytest.mark.parametrize("value", [0, -1, 1.5, True])
def test_a_limit_is_a_whole_number_above_0(value: Any) -> None:
    with pytest.raises(InvalidValueError, match="image_pixels is"):
        ServiceLimits(image_pixels=value)
