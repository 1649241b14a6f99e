"""A full disk ends every command soon, in one line that names the file; needs the right to mount a small disk."""

import json
import os
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import NnunetFolders
from tests.experiment_planning.factories import label_image, rgb_image, write_png, write_rgb_dataset
from tests.factories.plans import make_dataset_json, make_plans

DISK_BYTES = 64 << 10
MOST_SECONDS = 60
"""Generous: the commands take about a second on an idle computer, and would otherwise work through all cases."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """An empty disk of 64 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mounting, capture_output=True).returncode != 0:
        pytest.skip("mounting a small disk is not permitted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)  # torch may still hold a file open


def write_probabilities(folder: Path) -> Path:
    folder.mkdir()
    (folder / "dataset.json").write_text(json.dumps(make_dataset_json(".png", 3)))
    (folder / "plans.json").write_text(json.dumps(make_plans([8, 8], [1.0, 1.0], ".png", 3)))
    for number in range(8):
        noise = np.random.default_rng(number).random((3, 1, 64, 64)).astype(np.float32)
        np.savez(folder / f"{number}.npz", probabilities=noise)
        (folder / f"{number}.pkl").write_bytes(pickle.dumps({"spacing": (999, 1, 1)}))
    return folder


def ensemble(disk: Path, root: Path) -> list[str]:
    folders = [str(write_probabilities(root / name)) for name in ("m1", "m2")]
    return ["nnunetv2.ensembling.ensemble:entry_point_ensemble_folders", "-i", *folders, "-o", str(disk), "--save_npz"]


def postprocess(disk: Path, root: Path) -> list[str]:
    source = root / "predictions"
    for number in range(8):
        write_png(np.random.default_rng(number).integers(0, 3, (160, 160)).astype(np.uint8), source / f"{number}.png")
    (source / "dataset.json").write_text(json.dumps(make_dataset_json(".png", 3)))
    (source / "plans.json").write_text(json.dumps(make_plans([8, 8], [1.0, 1.0], ".png", 3)))
    (root / "pp.pkl").write_bytes(pickle.dumps(([], [])))
    entry = "nnunetv2.postprocessing.remove_connected_components:entry_point_apply_postprocessing"
    files = ("-plans_json", str(source / "plans.json"), "-dataset_json", str(source / "dataset.json"))
    return [entry, "-i", str(source), "-o", str(disk), "-pp_pkl_file", str(root / "pp.pkl"), *files]


def convert(disk: Path, root: Path) -> list[str]:
    for number in range(8):
        write_png(rgb_image(number, 96, 96), root / "images" / f"{number}.png")
        write_png(label_image(number, 96, 96), root / "masks" / f"{number}.png")
    os.environ["nnUNet_raw"] = str(disk)
    entry = "nnunetv2.dataset_conversion.convert_image_folder_command:convert_entry"
    return [entry, "-i", str(root / "images"), "-m", str(root / "masks"), "-d", "9", "-n", "Full"]


def preprocess(disk: Path, root: Path) -> list[str]:
    raw = Path(os.environ["nnUNet_raw"]) / "Dataset009_Full"
    write_rgb_dataset(raw, [f"c{number}" for number in range(8)])
    for number in range(8):
        write_png(rgb_image(number, 96, 96), raw / "imagesTr" / f"c{number}_0000.png")
        write_png(label_image(number, 96, 96), raw / "labelsTr" / f"c{number}.png")
    os.environ["nnUNet_preprocessed"] = str(disk)
    entry = "nnunetv2.experiment_planning.plan_and_preprocess_entrypoints:plan_and_preprocess_entry"
    return [entry, "-d", "9", "-c", "2d", "-npfp", "0"]


@pytest.mark.parametrize(
    ("prepare", "workers"), [(ensemble, 0), (ensemble, 2), (postprocess, 2), (convert, 2), (preprocess, 2)]
)
def test_a_command_ends_soon_and_names_the_file(
    small_disk: Path,
    nnunet_folders: NnunetFolders,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    prepare: Callable[[Path, Path], list[str]],
    workers: int,
) -> None:
    for variable in nnunet_folders.environment:
        monkeypatch.setenv(variable, os.environ[variable])  # so that what `prepare` changes is undone
    module, _, entry = (arguments := prepare(small_disk, tmp_path))[0].partition(":")
    code = f"import sys; from {module} import {entry} as run; run()"
    started = time.monotonic()
    finished = subprocess.run(
        [sys.executable, "-c", code, *arguments[1:], "-np", str(workers)], capture_output=True, text=True, check=False
    )
    lines = [line for line in finished.stderr.splitlines() if line.startswith("error: ")]
    assert finished.returncode == 2, finished.stderr
    assert time.monotonic() - started < MOST_SECONDS
    assert "Traceback" not in finished.stderr
    assert len(lines) == 1
    assert str(small_disk) in lines[0]
    assert "No space left on device" in lines[0]
    assert "free some space" in lines[0]


def test_a_checkpoint_on_a_full_disk_is_named_and_leaves_nothing(small_disk: Path) -> None:
    import torch

    from nnunetv2.training.checkpoints.checkpoint_files import write_checkpoint

    with pytest.raises(OSError, match="No space left on device") as caught:
        write_checkpoint({"network_weights": {"w": torch.zeros(1_000_000)}}, str(small_disk / "checkpoint_final.pth"))
    assert caught.value.filename == str(small_disk / "checkpoint_final.pth")
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".mha", ".gipl"])
def test_an_image_on_a_full_disk_is_named(small_disk: Path, ending: str) -> None:
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO

    labels = np.random.default_rng(0).integers(0, 255, (40, 80, 80)).astype(np.uint8)
    geometry = {"spacing": (1.0,) * 3, "origin": (0.0,) * 3, "direction": tuple(np.eye(3).ravel())}
    with pytest.raises(OSError, match="No space left on device") as caught:
        SimpleITKIO().write_seg(labels, str(small_disk / f"x{ending}"), {"sitk_stuff": geometry})
    assert caught.value.filename == str(small_disk / f"x{ending}")
    assert list(small_disk.iterdir()) == []


def test_logits_that_do_not_fit_the_temporary_folder_name_it(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nnunetv2.inference.array_handoff import hand_over

    monkeypatch.setattr("tempfile.tempdir", str(small_disk))
    with pytest.raises(OSError, match="No space left on device") as caught:
        hand_over(np.zeros(1_000_000), small_disk)
    assert "TMPDIR" in caught.value.filename
    assert list(small_disk.iterdir()) == []
