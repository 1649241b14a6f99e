import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from nnunetv2.errors import CheckpointError, MissingFileError
from nnunetv2.foundation.safe_loading.safe_pickle import load_pickle


def save(content: object, folder: Path) -> Path:
    path = folder / "content.pkl"
    path.write_bytes(pickle.dumps(content))
    return path


def harmless(value: int) -> int:
    return value


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, target: str):
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (self.target, "w")


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_and_numpy_are_read(tmp_path: Path, protocol: int) -> None:
    content = {
        "spacing": [np.float64(0.5), 1, 2.0],
        "affine": np.eye(4),
        "labels": {np.int64(1): np.array(["a", "b"])},
        "sitk": {"origin": (1.0, 2.0), "direction": OrderedDict(a=None)},
        "box": [slice(1, 2), b"bytes", {1, 2}, np.arange(6, dtype=np.int16).reshape(2, 3).T],
    }
    path = tmp_path / "content.pkl"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    np.testing.assert_equal(load_pickle(path), content)


def test_a_file_of_numpy_1_is_read(tmp_path: Path) -> None:
    path = save(np.float64(0.25), tmp_path)
    path.write_bytes(pickle.dumps(np.float64(0.25), protocol=0).replace(b"numpy._core", b"numpy.core"))
    assert load_pickle(path) == 0.25


def test_code_does_not_run(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"_?io\.open"):
        load_pickle(save(Bomb(str(tmp_path / "written")), tmp_path))
    assert not (tmp_path / "written").exists()


def test_the_environment_variable_allows_other_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save([harmless, Path("a")], tmp_path)
    with pytest.raises(CheckpointError, match=r"harmless, .* set the environment variable nnUNet_unsafe_checkpoints=1"):
        load_pickle(path)
    monkeypatch.setenv("nnUNet_unsafe_checkpoints", "1")
    assert load_pickle(path) == [harmless, Path("a")]


def test_named_objects_can_be_allowed(tmp_path: Path) -> None:
    path = save([harmless], tmp_path)
    with pytest.raises(CheckpointError, match="harmless"):
        load_pickle(path)
    assert load_pickle(path, {(harmless.__module__, "harmless"): harmless}) == [harmless]


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x04\x95"])
def test_damaged_files_are_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "content.pkl"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"content\.pkl"):
        load_pickle(path)


def test_a_missing_file_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        load_pickle(tmp_path / "absent.pkl")
