"""Predictions of one model folder by stock nnU-Net and by this package, both for folders written here and by stock."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from nnunetv2.ensembling.probability_files import read_probabilities
from nnunetv2.file_kinds.case_properties import load_properties
from nnunetv2.foundation.files import write_json
from tests.differential.oracle import run_oracle, run_ours
from tests.factories.models import write_model_folder
from tests.factories.plans import make_dataset_json, make_plans
from tests.inference.conftest import write_rgb

pytestmark = pytest.mark.long

JOBS = Path(__file__).with_name("inference_jobs.py").read_text()
REGIONS = {"background": 0, "whole": [1, 2], "core": 2, "ignore": 3}
ANISOTROPIC = {"transpose_forward": [2, 0, 1], "transpose_backward": [1, 2, 0]}

STOCK_MODEL = """
    import json, os, sys
    import torch
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    if __name__ == "__main__":
        plans_file, dataset_json_file, configuration = sys.argv[1:]
        plans, dataset_json = json.load(open(plans_file)), json.load(open(dataset_json_file))
        torch.manual_seed(11)
        for fold in (0, "all"):
            settings = {**plans, "continue_training": False}
            trainer = nnUNetTrainer(settings, configuration, fold, dataset_json, torch.device("cpu"))
            trainer.initialize()
            for layer in trainer.network.decoder.seg_layers:
                torch.nn.init.normal_(layer.weight)
            trainer.inference_allowed_mirroring_axes = tuple(range(len(trainer.configuration_manager.patch_size)))
            trainer.logger.log("mean_fg_dice", 0.5, 0)
            trainer.save_checkpoint(os.path.join(trainer.output_folder, "checkpoint_final.pth"))
        json.dump(plans, open(os.path.join(trainer.output_folder_base, "plans.json"), "w"))
        json.dump(dataset_json, open(os.path.join(trainer.output_folder_base, "dataset.json"), "w"))
        print(trainer.output_folder_base)
"""


def write_nifti(file: Path, seed: int, shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> None:
    """Write a volume (x, y, z) with an empty border."""
    generator = np.random.default_rng(seed)
    volume = generator.normal(100, 20, shape) + 60 * np.sin(np.arange(shape[1]) / 3)[:, None]
    volume[:2], volume[:, -3:] = 0, 0
    image = sitk.GetImageFromArray(volume.astype(np.float32))
    image.SetSpacing(spacing)
    image.SetOrigin((10.0, -5.0, 3.0))
    sitk.WriteImage(image, str(file))


def stock_model(root: Path, plans: dict[str, Any], dataset_json: dict[str, Any]) -> Path:
    """Let stock nnU-Net write an untrained model folder, with folds 0 and all."""
    (configuration,) = plans["configurations"]
    preprocessed = root / "preprocessed" / plans["dataset_name"]
    (preprocessed / "tiny").mkdir(parents=True)
    (preprocessed / "tiny" / "case.b2nd").touch()
    (preprocessed / "gt_segmentations").mkdir()
    write_json(plans, root / "plans.json")
    write_json(dataset_json, root / "dataset.json")
    environment = {f"nnUNet_{name}": str(root / name) for name in ("raw", "preprocessed", "results")}
    shown = run_oracle(STOCK_MODEL, root / "plans.json", root / "dataset.json", configuration, env=environment)
    return Path(shown.splitlines()[-1])


class Comparison:
    """Model folders and images, and the predictions of both packages, which each run all jobs in one process."""

    def __init__(self, root: Path):
        self.root = root
        self.jobs: list[dict[str, Any]] = []

    def add(self, name: str, model: Path, images: Path, folds: Any, **job: Any) -> None:
        """Add the prediction of a folder."""
        job = {"checkpoint": "checkpoint_final.pth", "workers": 0, "settings": {}, "previous": None, **job}
        self.jobs.append({"name": name, "model": str(model), "images": str(images), "folds": folds, **job})

    def add_logits(self, name: str, model: Path, arrays: list[str], folds: Any, **settings: Any) -> None:
        """Add the logits of preprocessed arrays."""
        job = {"checkpoint": "checkpoint_final.pth", "settings": settings, "arrays": arrays}
        self.jobs.append({"name": name, "model": str(model), "folds": folds, **job})

    def add_exports(self, name: str, model: Path, exports: list[dict[str, Any]]) -> None:
        """Add the labels and probabilities of random logits of many cases."""
        job = {"checkpoint": "checkpoint_final.pth", "settings": {}, "folds": None, "exports": exports}
        self.jobs.append({"name": name, "model": str(model), **job})

    def run(self) -> None:
        """Run all jobs with stock and with ours."""
        for who, run in (("stock", run_oracle), ("ours", run_ours)):
            (self.root / who).mkdir()
            jobs = []
            for job in self.jobs:
                folder = str(self.folder(who, job["name"]))
                jobs.append({**job, "out": folder, "logits": f"{folder}.npz"})
            write_json(jobs, self.root / f"{who}.json")
            run(JOBS, self.root / f"{who}.json", forks=True)

    def folder(self, who: str, job: str) -> Path:
        """Return the folder of one package's predictions for a job."""
        return self.root / who / job


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    root = tmp_path_factory.mktemp("inference")
    rgb, volumes = make_images(root)
    compared = Comparison(root)
    plans_2d = make_plans([32, 24], [1.0, 1.0], ".png", 3)
    plans_3d = make_plans([12, 16, 12], [1.1, 0.9, 1.0], ".nii.gz", 1, **ANISOTROPIC)
    plans_slices = make_plans([16, 24], [1.0, 1.2], ".nii.gz", 1)
    labels = make_dataset_json(".nii.gz", 1)
    regions = make_dataset_json(".nii.gz", 1, REGIONS, regions_class_order=[1, 2])
    best = "checkpoint_best.pth"
    ours_2d = write_model_folder(root / "ours_2d", plans_2d, make_dataset_json(".png", 3), (0, 1, 2), (0, 1))
    ours_3d = write_model_folder(root / "ours_3d", plans_3d, labels, (0,), (0, 1, 2))
    ours_regions = write_model_folder(root / "ours_regions", plans_3d, regions, ("all",), (0,))
    ours_slices = write_model_folder(root / "ours_slices", plans_slices, labels, (0, 1), checkpoint_name=best)
    stock_2d = stock_model(root / "stock_2d", plans_2d, make_dataset_json(".png", 3))
    stock_3d = stock_model(root / "stock_3d", plans_3d, regions)
    compared.add("rgb", ours_2d, rgb, [0, 1, 2], workers=1)
    compared.add("volume", ours_3d, volumes, [0], settings={"tile_step_size": 0.6})
    compared.add("regions", ours_regions, volumes, ["all"], settings={"use_gaussian": False})
    compared.add("slices", ours_slices, volumes, None, checkpoint=best, settings={"tile_step_size": 1.0})
    compared.add("stock_rgb", stock_2d, rgb, [0])
    compared.add("stock_volume", stock_3d, volumes, ["all"], settings={"use_mirroring": False})
    second_stage = make_plans([12, 16, 12], [1.1, 0.9, 1.0], ".nii.gz", 1, configuration={"previous_stage": "lowres"})
    ours_cascade = write_model_folder(root / "ours_cascade", second_stage, labels, (0,), (0, 1, 2))
    compared.add("cascade", ours_cascade, volumes, [0], previous=str(make_previous_stage(root, volumes)))
    arrays = make_arrays(root)
    compared.add_logits("plain", ours_3d, arrays, [0], use_mirroring=False)
    compared.add_logits("mirrored", ours_3d, arrays, [0], tile_step_size=0.3)
    compared.add_logits("flat_weights", ours_3d, arrays, [0], use_gaussian=False, tile_step_size=0.75)
    plain_3d = make_plans([12, 16, 12], [1.1, 0.9, 1.0], ".nii.gz", 1)
    many = {"labels": {"background": 0, **{f"class{value}": value for value in range(1, 40)}}}
    for kind, meaning in {"classes": many, "regions": {"labels": REGIONS, "regions_class_order": [1, 2]}}.items():
        for planned in (plans_3d, plain_3d, plans_slices):
            name = f"{kind}_{len(compared.jobs)}"
            model = write_model_folder(root / name, planned, make_dataset_json(".nii.gz", 1, **meaning), (0,))
            compared.add_exports(name, model, [export_of(*case, planned) for case in EXPORTED])
    compared.run()
    return compared


EXPORTED = [
    ((6, 10, 15), (9, 14, 11), (1.0, 1.0, 1.0)),
    ((6, 10, 15), (6, 21, 30), (2.0, 0.7, 0.8)),
    ((6, 10, 15), (4, 21, 9), (5.0, 0.7, 0.8)),
    ((6, 10, 15), (17, 13, 9), (0.6, 0.7, 4.0)),
    ((1, 20, 15), (1, 31, 50), (999.0, 0.4, 0.5)),
    ((6, 10, 15), (6, 10, 15), (1.0, 1.0, 1.0)),
]
"""Shape of the logits, shape of the image as it is transposed, spacing of the image."""


def export_of(
    shape: tuple[int, ...], cropped: tuple[int, ...], spacing: tuple[float, ...], plans: dict[str, Any]
) -> dict[str, Any]:
    """Return a case whose image has a border of 2 in front of what was cropped."""
    original = [spacing[axis] for axis in plans["transpose_backward"]]
    box = [[2, 2 + length] for length in cropped]
    properties = {
        "spacing": original,
        "shape_before_cropping": [end for _, end in box],
        "bbox_used_for_cropping": box,
        "shape_after_cropping_and_before_resampling": cropped,
    }
    return {"shape": shape, "properties": properties}


def make_images(root: Path) -> tuple[Path, Path]:
    """Write RGB pictures (one smaller than any patch) and volumes (one anisotropic)."""
    rgb, volumes = root / "rgb", root / "volumes"
    rgb.mkdir()
    volumes.mkdir()
    for number, shape in enumerate([(70, 50), (20, 90), (9, 7)]):
        write_rgb(rgb / f"image{number}_0000.png", number, shape)
    write_nifti(volumes / "iso_0000.nii.gz", 1, (14, 22, 30), (1.0, 1.0, 1.0))
    write_nifti(volumes / "thick_0000.nii.gz", 2, (9, 30, 21), (0.7, 0.8, 4.0))
    return rgb, volumes


def make_previous_stage(root: Path, volumes: Path) -> Path:
    """Write a segmentation of the previous stage for each volume, with labels where the volume is empty too."""
    folder = root / "previous"
    folder.mkdir()
    for file in volumes.iterdir():
        image = sitk.ReadImage(str(file))
        labels = np.random.default_rng(1).integers(0, 3, image.GetSize()[::-1]).astype(np.uint8)
        segmentation = sitk.GetImageFromArray(labels)
        segmentation.CopyInformation(image)
        sitk.WriteImage(segmentation, str(folder / file.name.replace("_0000", "")))
    return folder


def make_arrays(root: Path) -> list[str]:
    """Write preprocessed images: just a tile, larger, and smaller in two axes."""
    files = []
    for number, shape in enumerate([(1, 12, 16, 12), (1, 20, 30, 13), (1, 5, 40, 6)]):
        files.append(str(root / f"preprocessed{number}.npy"))
        np.save(files[-1], np.random.default_rng(number).normal(size=shape).astype(np.float32))
    return files


def read(file: Path) -> np.ndarray:
    return np.array(Image.open(file)) if file.suffix == ".png" else sitk.GetArrayFromImage(sitk.ReadImage(str(file)))


def geometry(file: Path) -> tuple[tuple[float, ...], ...]:
    image = sitk.ReadImage(str(file))
    return image.GetSpacing(), image.GetOrigin(), image.GetDirection()


@pytest.mark.parametrize("job", ["rgb", "volume", "regions", "slices", "cascade", "stock_rgb", "stock_volume"])
def test_segmentations_are_equal_voxel_by_voxel(comparison: Comparison, job: str) -> None:
    stock, ours = comparison.folder("stock", job), comparison.folder("ours", job)
    files = [path for path in sorted(stock.iterdir()) if path.name.endswith((".png", ".nii.gz"))]
    assert len(files) == (3 if "rgb" in job else 2)
    for file in files:
        expected, segmentation = read(file), read(ours / file.name)
        assert segmentation.dtype == expected.dtype
        assert len(np.unique(expected)) > 1
        np.testing.assert_array_equal(segmentation, expected)
        if file.suffix == ".gz":
            assert geometry(ours / file.name) == geometry(file)


@pytest.mark.parametrize("job", ["rgb", "volume", "regions", "slices", "cascade", "stock_rgb", "stock_volume"])
def test_probabilities_and_properties_are_equal(comparison: Comparison, job: str) -> None:
    stock, ours = comparison.folder("stock", job), comparison.folder("ours", job)
    assert sorted(path.name for path in ours.iterdir()) == sorted(path.name for path in stock.iterdir())
    for file in stock.glob("*.npz"):
        with np.load(file) as a, np.load(ours / file.name) as b:
            assert a.files == b.files == ["probabilities"]
            assert b["probabilities"].dtype == np.float32
            np.testing.assert_allclose(b["probabilities"], a["probabilities"], rtol=0, atol=1e-6)
            np.testing.assert_array_equal(read_probabilities(file), a["probabilities"])
    for file in stock.glob("*.pkl"):
        np.testing.assert_equal(load_properties(file), pickle.loads(file.read_bytes()))
        np.testing.assert_equal(pickle.loads((ours / file.name).read_bytes()), pickle.loads(file.read_bytes()))


@pytest.mark.parametrize("name", ["dataset.json", "plans.json", "predict_from_raw_data_args.json"])
def test_the_record_of_the_run_is_equal(comparison: Comparison, name: str) -> None:
    stock, ours = ((comparison.folder(who, "rgb") / name).read_text() for who in ("stock", "ours"))
    assert ours.replace(str(comparison.root / "ours"), "") == stock.replace(str(comparison.root / "stock"), "")
    assert list(json.loads(ours)) == list(json.loads(stock))


@pytest.mark.parametrize("job", ["plain", "mirrored", "flat_weights"])
def test_logits_are_equal_to_the_last_bit(comparison: Comparison, job: str) -> None:
    with np.load(f"{comparison.folder('stock', job)}.npz") as a, np.load(f"{comparison.folder('ours', job)}.npz") as b:
        assert len(a.files) == 3
        for key in a.files:
            assert b[key].dtype == np.float16
            np.testing.assert_array_equal(b[key], a[key])


def test_labels_and_probabilities_of_resampled_logits_are_equal(comparison: Comparison) -> None:
    jobs = [job["name"] for job in comparison.jobs if "exports" in job]
    assert len(jobs) == 6
    for job in jobs:
        stock, ours = (np.load(f"{comparison.folder(who, job)}.npz") for who in ("stock", "ours"))
        assert len(stock.files) == 3 * len(EXPORTED)
        for number, key in enumerate(stock.files):
            assert ours[key].dtype == stock[key].dtype
            if number % 3 < 2:
                assert len(np.unique(stock[key])) > 2
                np.testing.assert_array_equal(ours[key], stock[key], f"{job}, {EXPORTED[number // 3]}")
            else:
                np.testing.assert_allclose(ours[key], stock[key], rtol=0, atol=1e-6)
