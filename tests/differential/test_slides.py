"""A slide that is one picture gets the labels that the released nnU-Net predicts for the picture."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.differential.oracle import command, run_oracle, run_ours
from tests.factories.models import write_model_folder
from tests.factories.plans import make_dataset_json, make_plans
from tests.pathology.prediction.small_slides import picture

pytestmark = pytest.mark.long

ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""Convolutions round otherwise with two."""


def test_a_slide_of_one_picture_has_the_labels_of_the_released_version(tmp_path: Path) -> None:
    model = write_model_folder(
        tmp_path / "model", make_plans([64, 64], [1.0, 1.0], ".png", 3), make_dataset_json(".png", 3)
    )
    for folder in ("pictures", "slides", "stock"):
        (tmp_path / folder).mkdir()
    for name, height, width in (("large", 190, 230), ("small", 40, 90)):
        file = picture(tmp_path, height, width)
        (tmp_path / f"pictures/{name}_0000.png").write_bytes(file.read_bytes())
        file.rename(tmp_path / f"slides/{name}.png")
    common = ("-m", model, "-f", 0, "-device", "cpu")
    stock = ("-i", tmp_path / "pictures", "-o", tmp_path / "stock", *common, "--disable_tta", "-npp", 1, "-nps", 1)
    module = "nnunetv2.inference.predict_from_raw_data"
    run_oracle(*command(module, "predict_entry_point_modelfolder", *stock), env=ONE_THREAD)
    as_image = ("--normalization", "image", "--tissue", "none", "--mpp", 0.5, "--slide_mpp", 0.5, "-nr", 0)
    ours = ("predict", "-i", tmp_path / "slides", "-o", tmp_path / "ours", *common, *as_image, "--save", "labels")
    run_ours(*command("nnunetv2.run.slide_command", "slide_entry", *ours), env=ONE_THREAD)
    for name in ("large", "small"):
        expected = np.asarray(Image.open(tmp_path / f"stock/{name}.png"))
        assert len(np.unique(expected)) > 1
        np.testing.assert_array_equal(tifffile.imread(tmp_path / f"ours/{name}/labels.ome.tif"), expected)
