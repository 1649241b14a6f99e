"""Grey overlays and chosen planes equal nnU-Net's to the last bit."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import NnunetFolders
from tests.differential.oracle import command, run_oracle, run_ours

DRAW = """
    import sys
    import numpy as np
    from nnunetv2.utilities.overlay_plots import generate_overlay, select_slice_to_plot, select_slice_to_plot2

    found = {}
    for seed in range(60):
        random = np.random.default_rng(seed)
        image = (random.normal(size=random.integers(2, 40, 2)) * 100 + 1000 * random.normal())
        image = image.astype(("float64", "float32", "int32", "uint16")[seed % 4])
        labels = random.integers(-(seed % 2), random.integers(1, 14), image.shape)
        mapping = {label: int(random.integers(0, 15)) for label in range(9)} if seed % 5 == 0 else None
        found[f"picture{seed}"] = generate_overlay(image, labels, mapping, overlay_intensity=random.uniform(0, 2))
        volume = random.integers(-(seed % 2), random.integers(1, 6), random.integers(1, 12, 3))
        planes = [select(np.zeros(volume.shape), volume) for select in (select_slice_to_plot, select_slice_to_plot2)]
        found[f"planes{seed}"] = np.array(planes)
    np.savez(sys.argv[1], **found)
"""


def test_pictures_and_planes_are_equal(tmp_path: Path) -> None:
    run_ours(DRAW, tmp_path / "ours.npz")
    run_oracle(DRAW, tmp_path / "stock.npz")
    with np.load(tmp_path / "ours.npz") as ours, np.load(tmp_path / "stock.npz") as stock:
        assert [key for key in stock.files if not np.array_equal(ours[key], stock[key])] == []
        assert sum(bool(stock[key].max()) for key in stock.files if key.startswith("picture")) == 60


@pytest.mark.long
def test_the_command_writes_the_same_files(nnunet_folders: NnunetFolders, tmp_path: Path) -> None:
    write_volumes(nnunet_folders.raw / "Dataset821_Volumes")
    pictures = {}
    for run in (run_ours, run_oracle):
        output = tmp_path / run.__name__
        arguments = ("-d", 821, "-o", output, "--use_raw", "-np", 1, "-channel_idx", 1, "-overlay_intensity", 1)
        run(
            *command("nnunetv2.utilities.overlay_plots", "entry_point_generate_overlay", *arguments),
            env=nnunet_folders.environment,
        )
        pictures[run] = {path.name: pixels(path) for path in output.iterdir()}
    assert pictures[run_ours].keys() == pictures[run_oracle].keys() == {"v0.png", "v1.png"}
    for name, expected in pictures[run_oracle].items():
        assert np.array_equal(pictures[run_ours][name], expected)


def write_volumes(folder: Path) -> None:
    import SimpleITK

    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(2):
        for channel in range(2):
            image = SimpleITK.GetImageFromArray(random.normal(size=(6, 20, 18)).astype(np.float32))
            SimpleITK.WriteImage(image, str(folder / "imagesTr" / f"v{number}_000{channel}.nii.gz"))
        labels = np.zeros((6, 20, 18), np.uint8)
        labels[2:4, 3:12, 4:9] = 1
        labels[3 + number, 10:15, 9:14] = 2
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(labels), str(folder / "labelsTr" / f"v{number}.nii.gz"))
    content = {"channel_names": {"0": "T1", "1": "T2"}, "labels": {"background": 0, "a": 1, "b": 2}}
    (folder / "dataset.json").write_text(json.dumps({**content, "numTraining": 2, "file_ending": ".nii.gz"}))


def pixels(path: Path) -> np.ndarray:
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture)
