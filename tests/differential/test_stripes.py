"""2D images that are predicted in stripes, and read by rows where they are TIFF files, beside stock nnU-Net.

Both packages predict the same files: several classes or regions, folds, mirroring, odd sizes, one smaller than a tile.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tifffile
from PIL import Image

from nnunetv2.ensembling.probability_files import read_probabilities
from s1.shown_pixels import read_shown_labels
from tests.differential.oracle import run_oracle, run_ours
from tests.factories.models import write_model_folder
from tests.factories.plans import make_dataset_json, make_plans

pytestmark = pytest.mark.long

SIZES = [(61, 45), (20, 70), (131, 77), (32, 33)]
REGIONS: dict[str, Any] = {"labels": {"background": 0, "whole": [1, 2], "core": 2}, "regions_class_order": [1, 2]}
CLASSES: dict[str, Any] = {"labels": {"background": 0, "a": 1, "b": 2, "c": 3, "d": 4}}
PREDICT = """
import json, sys
import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

for job in json.load(open(sys.argv[1])):
    predictor = nnUNetPredictor(device=torch.device("cpu"), allow_tqdm=False, **job["settings"])
    predictor.initialize_from_trained_model_folder(job["model"], job["folds"])
    predictor.predict_from_files_sequential(job["images"], job["out"], job["probabilities"])
"""
IN_STRIPES = """
from nnunetv2.inference import predict_stripes, predict_tiles
from s1 import tiff_rows

predict_stripes.BAND_HEIGHT_PX, tiff_rows.SMALLEST_BYTES = 16, 0
predict_tiles.TileSum = None  # the logits of a whole image
"""


class Job(NamedTuple):
    kind: str
    ending: str
    dtype: str
    meaning: dict[str, Any]
    stored: dict[str, Any]
    settings: dict[str, Any]
    probabilities: bool = False
    scheme: str = "ZScoreNormalization"


STRIPS, TILES = {"rowsperstrip": 5, "compression": "zlib"}, {"tile": (16, 16), "compression": "zlib"}
NO_MIRRORING = {"use_mirroring": False, "tile_step_size": 0.7}
JOBS = {
    "RGB PNG": Job("rgb", ".png", "u1", CLASSES, {}, {}),
    "grey PNG of 16 bits": Job("grey", ".png", "u2", CLASSES, {}, NO_MIRRORING, scheme="CTNormalization"),
    "tiled RGB TIFF": Job("rgb", ".tif", "u1", REGIONS, TILES, {}, True),
    "RGB TIFF of 16 bits": Job("rgb", ".tif", "u2", CLASSES, {}, {"use_gaussian": False}, True),
    "stripped grey TIFF of 16 bits": Job("grey", ".tif", "u2", CLASSES, STRIPS, {}, scheme="RescaleTo01Normalization"),
}


def write_images(folder: Path, job: Job) -> Path:
    """Write blobs with noise; the third picture has a black frame."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number, shape in enumerate(SIZES):
        channels = () if job.kind == "grey" else (3,)
        blobs = generator.integers(60, 200, (shape[0] // 8 + 1, shape[1] // 8 + 1, *channels)).repeat(8, 0).repeat(8, 1)
        values = blobs[: shape[0], : shape[1]] + generator.integers(-30, 30, (*shape, *channels))
        values = (values * (257 if job.dtype == "u2" else 1)).astype(job.dtype)
        if number == 2:
            values[:7] = values[-20:] = values[:, :3] = 0
        file = folder / f"case{number}_0000{job.ending}"
        if job.ending == ".png":
            Image.fromarray(values).save(file)
        else:
            photometric = "rgb" if channels else "minisblack"
            tifffile.imwrite(file, values, photometric=photometric, **job.stored)
    return folder


def described(root: Path, name: str, job: Job) -> dict[str, Any]:
    """Write model and images of a job; return its entry for the programs."""
    channels = 3 if job.kind == "rgb" else 1
    schemes = {"normalization_schemes": [job.scheme] * channels, "use_mask_for_norm": [False] * channels}
    plans = make_plans([32, 32], [1.0, 1.0], job.ending, channels, configuration=schemes)
    plans["image_reader_writer"] = "NaturalImage2DIO"
    folder = root / name
    model = write_model_folder(
        folder / "model", plans, make_dataset_json(job.ending, channels, **job.meaning), (0, 1), mirroring_axes=(0, 1)
    )
    images = write_images(folder / "images", job)
    settings = {"settings": job.settings, "folds": [0, 1], "probabilities": job.probabilities}
    return {"model": str(model), "images": str(images), "out": str(folder), **settings}


@pytest.fixture(scope="module")
def predicted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that has `ours` and `stock` for each job."""
    root = tmp_path_factory.mktemp("stripes")
    jobs = [described(root, name, job) for name, job in JOBS.items()]
    for who, run, script in (("stock", run_oracle, PREDICT), ("ours", run_ours, IN_STRIPES + PREDICT)):
        of_package = [{**job, "out": str(Path(job["out"]) / who)} for job in jobs]
        for job in of_package:
            Path(job["out"]).mkdir()
        (root / f"{who}.json").write_text(json.dumps(of_package))
        run(script, root / f"{who}.json", env={"OMP_NUM_THREADS": "1"})
    return root


@pytest.mark.parametrize("name", JOBS)
def test_labels_are_equal_pixel_by_pixel(predicted: Path, name: str) -> None:
    ending = JOBS[name].ending
    found = set()
    for number, shape in enumerate(SIZES):
        ours, stock = (
            read_shown_labels(predicted / name / who / f"case{number}{ending}").pixels for who in ("ours", "stock")
        )
        assert ours.shape == shape
        assert ours.dtype == stock.dtype
        assert np.array_equal(ours, stock)
        found |= set(np.unique(stock))
    assert len(found) > 2


@pytest.mark.parametrize("name", [name for name, job in JOBS.items() if job.probabilities])
def test_probabilities_are_equal_but_for_the_last_bits(predicted: Path, name: str) -> None:
    for number in range(len(SIZES)):
        ours, stock = (read_probabilities(predicted / name / who / f"case{number}.npz") for who in ("ours", "stock"))
        assert ours.dtype == stock.dtype
        np.testing.assert_allclose(ours, stock, rtol=0, atol=1e-6)
