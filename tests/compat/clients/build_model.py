"""Builds a dataset of balls in noise and a model of it that nobody trained. Run by nnU-Net or by this package.

Arguments: the folder to write to, which has to have the folders raw, preprocessed and results of the environment.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

TRAINING = 5
FEATURES = [8, 16, 32]
NETWORK = {
    "n_stages": 3,
    "features_per_stage": FEATURES,
    "kernel_sizes": [[3, 3, 3]] * 3,
    "strides": [[1, 1, 1], [2, 2, 2], [2, 2, 2]],
    "n_conv_per_stage": [1, 1, 1],
    "n_conv_per_stage_decoder": [1, 1],
}


def write_volumes(root: Path) -> None:
    """Write five training and two test volumes, a ball in a ball plus noise."""
    raw = root / "raw" / "Dataset777_Client"
    for folder in (raw / "imagesTr", raw / "labelsTr", root / "images"):
        folder.mkdir(parents=True)
    stream = np.random.default_rng(7)
    places = np.indices((24, 40, 36)) - np.array([12, 20, 18]).reshape(3, 1, 1, 1)
    for number in range(7):
        distance = np.sqrt(((places + stream.integers(-3, 4, (3, 1, 1, 1))) ** 2).sum(0))
        labels = (distance < 9).astype(np.uint8) + (distance < 5)
        image = (100 + 60 * labels + stream.normal(0, 15, labels.shape)).astype(np.float32)
        folder = raw / "imagesTr" if number < TRAINING else root / "images"
        _write(image, folder / f"case_{number}_0000.nii.gz")
        if number < TRAINING:
            _write(labels, raw / "labelsTr" / f"case_{number}.nii.gz")
    dataset = {
        "channel_names": {"0": "MRI"},
        "labels": {"background": 0, "outer": 1, "inner": 2},
        "numTraining": 5,
        "file_ending": ".nii.gz",
    }
    (raw / "dataset.json").write_text(json.dumps(dataset))


def _write(values: np.ndarray, file: Path) -> None:
    import SimpleITK as sitk

    volume = sitk.GetImageFromArray(values)
    volume.SetSpacing((1.0, 1.0, 1.5))
    sitk.WriteImage(volume, str(file))


def plan(root: Path) -> None:
    """Plan and preprocess, and shrink the network that was planned."""
    from nnunetv2.experiment_planning.plan_and_preprocess_entrypoints import plan_and_preprocess_entry

    sys.argv = ["plan", "-d", "777", "-c", "3d_fullres", "-npfp", "1", "-np", "1"]
    plan_and_preprocess_entry()
    file = root / "preprocessed" / "Dataset777_Client" / "nnUNetPlans.json"
    plans = json.loads(file.read_text())
    configuration = plans["configurations"]["3d_fullres"]
    configuration["patch_size"] = [16, 32, 24]
    configuration["architecture"]["arch_kwargs"].update(NETWORK)
    file.write_text(json.dumps(plans))


def write_model(root: Path) -> None:
    """Write the model folder with the folds 0 to 4 and all, each with a final and a best checkpoint."""
    import torch

    from nnunetv2.run.run_training import get_trainer_from_args

    torch.manual_seed(7)
    trainer = get_trainer_from_args("777", "3d_fullres", 0, device=torch.device("cpu"))
    trainer.initialize()
    vary_labels(trainer.network)
    model = Path(trainer.output_folder_base)
    preprocessed = root / "preprocessed" / "Dataset777_Client"
    shutil.copy(preprocessed / "nnUNetPlans.json", model / "plans.json")
    for name in ("dataset.json", "dataset_fingerprint.json"):
        shutil.copy(preprocessed / name, model / name)
    trainer.save_checkpoint(str(model / "fold_0" / "checkpoint_final.pth"))
    shutil.copy(model / "fold_0" / "checkpoint_final.pth", model / "fold_0" / "checkpoint_best.pth")
    for fold in (1, 2, 3, 4, "all"):
        shutil.copytree(model / "fold_0", model / f"fold_{fold}", dirs_exist_ok=True)


def vary_labels(network: Any) -> None:
    """Change the last layers so that the labels differ over an image."""
    import torch

    for layer in network.decoder.seg_layers:
        torch.nn.init.normal_(layer.weight)


def write_picture_model(folder: Path) -> None:
    """Write the checkpoint for the plans and dataset.json in a folder, with what predictions read."""
    import torch

    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    plan = json.loads((folder / "plans.json").read_text())["configurations"]["2d"]["architecture"]
    torch.manual_seed(8)
    network = get_network_from_plans(
        plan["network_class_name"], plan["arch_kwargs"], plan["_kw_requires_import"], 1, 3, deep_supervision=False
    )
    vary_labels(network)
    checkpoint = {
        "network_weights": network.state_dict(),
        "trainer_name": "nnUNetTrainer",
        "init_args": {"configuration": "2d"},
        "inference_allowed_mirroring_axes": (0, 1),
    }
    (folder / "fold_all").mkdir()
    torch.save(checkpoint, folder / "fold_all" / "checkpoint_final.pth")


def write_reference(root: Path) -> None:
    """Predict the test volumes with fold 0, with mirroring and without, and the picture."""
    import torch

    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    model = next((root / "results").glob("*/*__*__*"))
    for name, mirroring in (("mirrored", True), ("plain", False)):
        predictor = nnUNetPredictor(device=torch.device("cpu"), use_mirroring=mirroring, allow_tqdm=False)
        predictor.initialize_from_trained_model_folder(str(model), (0,))
        (root / "reference" / name).mkdir(parents=True)
        predictor.predict_from_files_sequential(str(root / "images"), str(root / "reference" / name))
    predictor = nnUNetPredictor(device=torch.device("cpu"), allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(root / "png_model"), ["all"])
    picture = str(root / "pictures" / "nerve.png")
    predictor.predict_from_files_sequential([[picture]], [str(root / "reference" / "nerve")])


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    write_volumes(folder)
    plan(folder)
    write_model(folder)
    write_picture_model(folder / "png_model")
    write_reference(folder)
