import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnunetv2.ensembling.ensemble import ensemble_folders
from nnunetv2.ensembling.probability_files import read_probabilities
from nnunetv2.errors import ArchiveError, CheckpointError, DriftError, InvalidValueError
from nnunetv2.foundation.files import write_json
from tests.factories.plans import make_dataset_json, make_plans

SHAPE = (3, 1, 6, 7)
PROPERTIES: dict[str, Any] = {"spacing": (999, 1, 1), "shape_before_cropping": (1, 6, 7)}


def saved(folder: Path, content: dict[str, np.ndarray], properties: Any = PROPERTIES) -> Path:
    folder.mkdir(exist_ok=True)
    np.savez_compressed(folder / "case.npz", **content)
    (folder / "case.pkl").write_bytes(pickle.dumps(properties))
    write_json(make_dataset_json(".png", 3), folder / "dataset.json")
    write_json(make_plans([8, 8], [1.0, 1.0], ".png", 3), folder / "plans.json")
    return folder / "case.npz"


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_probabilities_are_read(dtype: type, tmp_path: Path) -> None:
    probabilities = np.full(SHAPE, 0.25, dtype)
    np.testing.assert_array_equal(read_probabilities(saved(tmp_path, {"probabilities": probabilities})), probabilities)


@pytest.mark.parametrize(
    ("content", "error", "shown"),
    [
        ({"softmax": np.zeros(SHAPE)}, ArchiveError, r"it holds 'softmax'; expected 'probabilities'"),
        ({"data": np.zeros(SHAPE), "seg": np.zeros(SHAPE)}, ArchiveError, "it holds 'data', 'seg'"),
        ({"probabilities": np.zeros((3, 6, 7))}, InvalidValueError, r"an array of shape \(3, 6, 7\) and type float64"),
        ({"probabilities": np.zeros(SHAPE, np.uint8)}, InvalidValueError, "type uint8; expected probabilities"),
        ({"probabilities": np.full(SHAPE, np.nan)}, InvalidValueError, "finite"),
        ({"probabilities": np.array(["x"])}, ArchiveError, "expected numbers"),
        ({"probabilities": np.array([{}])}, ArchiveError, "expected numbers"),
    ],
)
def test_older_and_broken_probabilities_are_refused_in_one_line(
    content: dict[str, np.ndarray], error: type[Exception], shown: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=rf"^{tmp_path}/case\.npz: .*{shown}.*$"):
        read_probabilities(saved(tmp_path, content))


@pytest.mark.parametrize(
    ("probabilities", "properties", "shown"),
    [
        (np.zeros((4, 1, 6, 7), np.float32), PROPERTIES, r"case\.npz: holds probabilities of 4 classes, .* describe 3"),
        (np.zeros((3, 1, 6, 8), np.float32), PROPERTIES, r"case\.pkl: describes an image of shape \[1, 6, 7\], but"),
        (np.zeros(SHAPE, np.float32), ([], []), r"case\.pkl: holds a tuple of 2 values; expected the properties"),
        (np.zeros(SHAPE, np.float32), {"shape_before_cropping": "x"}, r"case\.pkl: describes"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(
    probabilities: np.ndarray, properties: Any, shown: str, tmp_path: Path
) -> None:
    saved(tmp_path / "in", {"probabilities": probabilities}, properties)
    with pytest.raises(DriftError, match=shown):
        ensemble_folders([tmp_path / "in"], tmp_path / "out", num_processes=0)


def test_an_entry_that_the_writer_needs_is_named(tmp_path: Path) -> None:
    saved(tmp_path / "in", {"probabilities": np.zeros(SHAPE, np.float32)})
    plans = {**make_plans([8, 8], [1.0, 1.0], ".nii.gz", 3), "image_reader_writer": "SimpleITKIO"}
    write_json(plans, tmp_path / "in" / "plans.json")
    write_json(make_dataset_json(".nii.gz", 3), tmp_path / "in" / "dataset.json")
    with pytest.raises(DriftError, match=r"case\.pkl: lacks the entry 'sitk_stuff' that SimpleITKIO needs"):
        ensemble_folders([tmp_path / "in"], tmp_path / "out", num_processes=0)


def test_a_damaged_properties_file_is_named(tmp_path: Path) -> None:
    saved(tmp_path / "in", {"probabilities": np.zeros(SHAPE, np.float32)})
    (tmp_path / "in" / "case.pkl").write_bytes(b"no pickle")
    with pytest.raises((CheckpointError, DriftError), match=r"case\.pkl: damaged"):
        ensemble_folders([tmp_path / "in"], tmp_path / "out", num_processes=0)
