import logging
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
from nnunetv2.inference.finished_cases import is_finished

LABELS = np.random.default_rng(0).integers(0, 3, (40, 40)).astype(np.uint8)


@pytest.fixture
def case(tmp_path: Path) -> str:
    """The name of a case with a segmentation and probabilities."""
    Image.fromarray(LABELS).save(tmp_path / "case.png")
    np.savez(tmp_path / "case.npz", probabilities=LABELS)
    (tmp_path / "case.pkl").write_bytes(pickle.dumps({}))
    return str(tmp_path / "case")


def test_a_case_is_finished_when_all_its_files_exist(case: str) -> None:
    assert is_finished(case, ".png", False, NaturalImage2DIO())
    assert is_finished(case, ".png", True, NaturalImage2DIO())
    for ending in (".pkl", ".npz", ".png"):
        Path(case + ending).unlink()
        assert not is_finished(case, ".png", True, NaturalImage2DIO())
        assert is_finished(case, ".png", False, NaturalImage2DIO()) is (ending != ".png")


@pytest.mark.parametrize("ending", [".png", ".npz", ".pkl"])
@pytest.mark.parametrize("kept", [0, 0.6])
def test_a_damaged_file_is_named_and_not_counted(case: str, ending: str, kept: float, caplog) -> None:
    file = Path(case + ending)
    file.write_bytes(file.read_bytes()[: int(kept * file.stat().st_size)] if ending != ".pkl" else b"")

    with caplog.at_level(logging.WARNING):
        assert not is_finished(case, ".png", True, NaturalImage2DIO())
    assert f"{file} is damaged; its case is predicted again" in caplog.text


def test_a_volume_that_was_cut_off_is_not_counted(tmp_path: Path) -> None:
    file = tmp_path / "case.nii.gz"
    geometry = {"spacing": (1.0,) * 3, "origin": (0.0,) * 3, "direction": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)}
    SimpleITKIO().write_seg(LABELS[None], str(file), {"sitk_stuff": geometry})
    assert is_finished(str(tmp_path / "case"), ".nii.gz", False, SimpleITKIO())

    file.write_bytes(file.read_bytes()[:-200])
    assert not is_finished(str(tmp_path / "case"), ".nii.gz", False, SimpleITKIO())
