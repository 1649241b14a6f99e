"""The program in a container predicts what lies in its input folder."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
from PIL import Image

from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.model_container.algorithm import main
from tests.factories.models import CPU, write_model_folder
from tests.factories.plans import make_dataset_json, make_plans


@pytest.fixture
def model(tmp_path: Path) -> Path:
    plans = make_plans([16, 16], [1.0, 1.0], ".png", 3)
    return write_model_folder(tmp_path / "model", plans, make_dataset_json(".png", 3))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """The same pixels as PNG and as MHA, which is what a challenge makes of it."""
    folder = tmp_path / "in" / "images" / "he-image"
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "a.png")
    sitk.WriteImage(sitk.GetImageFromArray(pixels, isVector=True), str(folder / "b.mha"))
    return tmp_path / "in"


def test_pictures_in_any_format_become_the_labels_that_the_model_predicts(
    run_command: Callable[..., None], model: Path, images: Path, tmp_path: Path
) -> None:
    places = ("--input", images, "--output", tmp_path / "out", "--output_name", "tumor")
    run_command(main, "--model", model, *places, "-device", "cpu")

    predictor = nnUNetPredictor(device=CPU, allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(model), None)
    (expected,) = predictor.predict_from_files_sequential([[str(images / "images/he-image/a.png")]], None)
    out = tmp_path / "out" / "images" / "tumor"
    assert sorted(file.name for file in out.iterdir()) == ["a.mha", "b.mha"]
    for name in "ab":
        labels = sitk.GetArrayFromImage(sitk.ReadImage(str(out / f"{name}.mha")))
        assert np.array_equal(labels, expected[0])


def test_grey_pictures_in_any_shape_are_read_and_others_named(
    run_command: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plans = make_plans([16, 16], [1.0, 1.0], ".png", 1)
    model = write_model_folder(tmp_path / "model", plans, make_dataset_json(".png", 1))
    folder = tmp_path / "in" / "images" / "any"
    folder.mkdir(parents=True)
    words = ("--model", model, "--input", tmp_path / "in", "--output", tmp_path / "out", "-device", "cpu")
    grey = np.random.default_rng(0).integers(0, 256, (20, 24), dtype=np.uint8)
    sitk.WriteImage(sitk.GetImageFromArray(grey[None]), str(folder / "slice.mha"))
    sitk.WriteImage(sitk.GetImageFromArray(grey), str(folder / "flat.mha"))
    run_command(main, *words)
    first, second = (
        sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / f"out/images/segmentation/{name}.mha")))
        for name in ("slice", "flat")
    )
    assert np.array_equal(first, second)
    for pixels in (np.zeros((3, 20, 24), np.uint8), np.zeros((20, 24), np.float64)):
        sitk.WriteImage(sitk.GetImageFromArray(pixels), str(folder / "slice.mha"))
        run_command(main, *words, exit_code=2)
        assert "slice.mha: " in (line := capsys.readouterr().err)
        assert "expected one picture" in line
    (folder / "slice.mha").write_bytes(b"ObjectType = Image\n")
    run_command(main, *words, exit_code=2)
    assert "slice.mha: cannot be read" in capsys.readouterr().err


def test_slides_become_pyramids_and_those_without_tissue_are_named(
    run_command: Callable[..., None], model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in" / "images" / "wsi"
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 90, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "s.tif", resolution=20000.0, resolution_unit=3)
    places = ("--input", tmp_path / "in", "--output", tmp_path / "out")
    words = ("--model", model, *places, "--slides", "--mpp", 0.5, "-device", "cpu")
    labels = tmp_path / "out/images/segmentation/s.tif"
    run_command(main, *words)
    assert "s: no tissue found" in capsys.readouterr().out
    assert tifffile.imread(labels).tolist() == [[0] * 40] * 40
    run_command(main, *words, "--tissue", "none")
    assert tifffile.imread(labels).any()


def test_an_empty_input_is_one_line(
    run_command: Callable[..., None], model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_command(main, "--model", model, "--input", tmp_path, "--output", tmp_path / "out", exit_code=2)
    assert "expected a folder with images in it" in capsys.readouterr().err
