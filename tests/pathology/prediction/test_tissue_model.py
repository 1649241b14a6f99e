"""Tissue that a model predicts: its foreground at its own pixel size, and where slides are then predicted."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnunetv2.errors import ArgumentError, OutputExistsError
from nnunetv2.pathology.prediction.kept_tissue import KeptTissue
from nnunetv2.pathology.prediction.slide_job import SlideJob
from nnunetv2.pathology.prediction.slide_model import SlideModel
from nnunetv2.pathology.prediction.slide_predictor import load_slide_predictor
from nnunetv2.pathology.prediction.slide_settings import SlideSettings
from nnunetv2.pathology.prediction.slide_work import RunOptions
from nnunetv2.pathology.prediction.tissue_model import TissueModel
from nnunetv2.pathology.slides.reader_process import IN_THIS_PROCESS
from nnunetv2.pathology.slides.slide_source import SlideSource
from nnunetv2.pathology.tissue.slide_tissue import TissueMask
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


@pytest.mark.long
def test_a_resumed_slide_keeps_its_tissue_and_a_copy_of_the_model_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = make_plans([64, 64], [1.0, 1.0], ".png", 3)
    folder = write_model_folder(tmp_path / "model", plans, make_dataset_json(".png", 3), folds=(0,))
    copy, other = tmp_path / "copy", tmp_path / "other"
    shutil.copytree(folder, copy)
    write_model_folder(other, make_plans([32, 32], [1.0, 1.0], ".png", 3), make_dataset_json(".png", 3), folds=(0,))
    searches, search = [], TissueModel._masks

    def counted(*given: Any) -> Any:
        searches.append(given)
        return search(*given)

    def stop() -> None:
        raise KeyboardInterrupt

    def run(tissue_model: Path, **hooks: Any) -> dict[str, Any]:
        settings = SlideSettings(mpp=8.0, tissue_model=str(tissue_model), tissue_mpp=16.0, save=("labels",))
        predictor = load_slide_predictor(folder, settings, RunOptions(**hooks), CPU)
        return dict(predictor.predict(file, tmp_path / "out", slide_mpp=8.0).state)

    monkeypatch.setattr(TissueModel, "_masks", counted)
    file = picture(tmp_path, 300, 420)
    with pytest.raises(KeyboardInterrupt):
        run(folder, after_band=stop)
    (kept,) = (tmp_path / "out/.work").glob("tissue_*")
    state = run(copy)
    assert len(searches) == 1
    assert not kept.exists()
    assert run(folder) == state
    with pytest.raises(OutputExistsError, match="made with another tissue_model"):
        run(other)


def test_a_mask_that_is_damaged_a_link_or_of_another_size_is_not_believed(tmp_path: Path) -> None:
    mask = np.arange(12).reshape(3, 4) % 3 == 0
    kept = KeptTissue(tmp_path, {"slide": "s"})
    assert kept.read(3, 4) is None
    kept.write(TissueMask(mask, (1.0, 1.0), (1.0, 1.0), unread=~mask))
    found = kept.read(3, 4)
    assert found is not None
    assert np.array_equal(found[0], mask)
    assert np.array_equal(found[1], ~mask)
    assert kept.read(4, 3) is None
    assert KeptTissue(tmp_path, {"slide": "t"}).read(3, 4) is None
    (file,) = tmp_path.iterdir()
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert kept.read(3, 4) is None
    kept.write(TissueMask(mask, (1.0, 1.0), (1.0, 1.0)))
    assert not file.is_symlink()
    file.write_bytes(b"damaged")
    assert kept.read(3, 4) is None


def test_what_could_not_be_read_is_known(tmp_path: Path) -> None:
    damage = Damage(zeroed_tiles=((0, 0),))
    write_pyramid(tmp_path / "s.tif", PyramidSettings(1024, 512, block_px=512, glass_share=0.0, damage=damage))
    model = SlideModel(make_predictor(), "tissue", "77ab")
    found = TissueModel(model, 1.0).find(SlideSource(str(tmp_path / "s.tif"), 0.5), IN_THIS_PROCESS)
    assert found.unread is not None
    assert found.unread[:127, :127].all()
    assert not found.unread[130:].any()
    assert not found.unread[:, 130:].any()


def test_a_model_of_tissue_and_another_choice_exclude_each_other() -> None:
    with pytest.raises(ArgumentError, match="--tissue_model"):
        SlideSettings(tissue="none", tissue_model="folder")
