"""Tissue that a model predicts: its foreground at its own pixel size, and where slides are then predicted."""

from pathlib import Path

import numpy as np
import pytest

from nnunetv2.errors import ArgumentError
from nnunetv2.pathology.prediction.slide_job import SlideJob
from nnunetv2.pathology.prediction.slide_model import SlideModel
from nnunetv2.pathology.prediction.slide_predictor import load_slide_predictor
from nnunetv2.pathology.prediction.slide_settings import SlideSettings
from nnunetv2.pathology.prediction.tissue_model import TissueModel
from nnunetv2.pathology.slides.reader_process import IN_THIS_PROCESS
from nnunetv2.pathology.slides.rescue import SlideSource
from sample_data.pyramids import Damage, PyramidSettings, write_pyramid
from tests.factories.models import CPU, write_model_folder
from tests.factories.plans import make_dataset_json, make_plans
from tests.pathology.prediction.small_slides import labels_of, make_predictor, picture

LABELS = SlideSettings(mpp=1.0, step_size=0.5, tissue="none", normalization="image", save=("labels",))


def test_tissue_is_the_foreground_at_the_pixel_size_of_its_model(tmp_path: Path) -> None:
    file, model = picture(tmp_path, 300, 420), SlideModel(make_predictor(), "tissue", "77ab")
    SlideJob(model, LABELS).run(str(file), "a", tmp_path / "out", slide_mpp=0.5)
    found = TissueModel(model, 1.0).find(SlideSource(str(file), 0.5, slide_mpp=0.5), IN_THIS_PROCESS)
    assert found.mask.shape == (150, 210)
    assert found.mpp == (1.0, 1.0)
    assert 0 < found.share < 1
    assert np.array_equal(found.mask, labels_of(tmp_path / "out") > 0)


def test_slides_are_predicted_where_the_model_of_tissue_finds_some(tmp_path: Path) -> None:
    plans = make_plans([64, 64], [1.0, 1.0], ".png", 3)
    folder = write_model_folder(tmp_path / "model", plans, make_dataset_json(".png", 3), folds=(0,))
    file = picture(tmp_path, 300, 420)
    settings = SlideSettings(mpp=8.0, tissue_model=str(folder), tissue_mpp=16.0, margin_um=0.0, save=("labels",))
    predictor = load_slide_predictor(folder, settings, device=CPU)
    result = predictor.predict(file, tmp_path / "out", slide_mpp=8.0)
    assert predictor.model.tissue is not None
    tissue = predictor.model.tissue.find(SlideSource(str(file), 8.0, slide_mpp=8.0), IN_THIS_PROCESS)
    labels, enlarged = labels_of(tmp_path / "out"), tissue.mask.repeat(2, axis=0).repeat(2, axis=1)
    assert result.state["tissue"]["share"] == pytest.approx(tissue.share)
    assert not labels[~enlarged].any()
    assert labels[enlarged].any()


def test_what_could_not_be_read_is_known(tmp_path: Path) -> None:
    damage = Damage(zeroed_tiles=((0, 0),))
    write_pyramid(tmp_path / "s.tif", PyramidSettings(1024, 512, block_px=512, glass_share=0.0, damage=damage))
    model = SlideModel(make_predictor(), "tissue", "77ab")
    found = TissueModel(model, 1.0).find(SlideSource(str(tmp_path / "s.tif"), 0.5), IN_THIS_PROCESS)
    assert found.unread is not None
    assert found.unread[:, :256].all()
    assert not found.unread[:, 256:].any()


def test_a_model_of_tissue_and_another_choice_exclude_each_other() -> None:
    with pytest.raises(ArgumentError, match="--tissue_model"):
        SlideSettings(tissue="none", tissue_model="folder")
