from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from nnunetv2.errors import CheckpointError, MissingFileError
from nnunetv2.foundation.safe_loading.safe_checkpoint import load_checkpoint_file


class Foreign:
    """A class of a client's own inside a checkpoint."""


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, target: str):
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (self.target, "w")


def save(content: object, folder: Path) -> Path:
    path = folder / "checkpoint_final.pth"
    torch.save(content, path)
    return path


def test_tensors_numpy_numbers_and_devices_of_stock_files_are_read(tmp_path: Path) -> None:
    content = {
        "network_weights": OrderedDict(a=torch.arange(3.0)),
        "logging": {"mean_fg_dice": [np.float64(0.5), np.float32(0.25)], "epochs": [np.int64(3)]},
        "_best_ema": np.float32(0.125),
        "init_args": {"device": torch.device("cuda"), "plans": {"a": [1, 2.0, None, True]}},
        "axes": (0, 1),
    }
    read = load_checkpoint_file(save(content, tmp_path), "cpu")
    assert torch.equal(read["network_weights"]["a"], torch.arange(3.0))
    assert read["logging"]["mean_fg_dice"] == [0.5, 0.25]
    assert read["_best_ema"] == 0.125
    assert read["init_args"]["device"] == torch.device("cuda")
    assert read["axes"] == (0, 1)


def test_a_foreign_class_is_refused_by_name_with_the_way_to_allow_it(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"Foreign.*nnUNet_unsafe_checkpoints=1"):
        load_checkpoint_file(save({"init_args": Foreign()}, tmp_path), "cpu")


def test_the_environment_variable_allows_foreign_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("nnUNet_unsafe_checkpoints", "1")
    assert isinstance(load_checkpoint_file(save({"x": Foreign()}, tmp_path), "cpu")["x"], Foreign)


def test_code_in_a_checkpoint_does_not_run(tmp_path: Path) -> None:
    target = tmp_path / "written_by_checkpoint"
    with pytest.raises(CheckpointError, match="open"):
        load_checkpoint_file(save({"x": Bomb(str(target))}, tmp_path), "cpu")
    assert not target.exists()


def test_a_missing_file_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"absent\.pth"):
        load_checkpoint_file(tmp_path / "absent.pth", "cpu")


@pytest.mark.parametrize("damage", ["empty", "text", "truncated", "truncated large file"])
def test_a_damaged_file_is_named(tmp_path: Path, damage: str) -> None:
    path = save({"network_weights": torch.zeros(20_000 if "large" in damage else 1000)}, tmp_path)
    whole = path.read_bytes()
    half, fraction = whole[: len(whole) // 2], whole[:5000]
    contents = {
        "empty": b"",
        "text": b"hello, this is no checkpoint",
        "truncated": half,
        "truncated large file": fraction,
    }
    path.write_bytes(contents[damage])
    with pytest.raises(CheckpointError, match=r"checkpoint_final\.pth"):
        load_checkpoint_file(path, "cpu")


def test_a_file_without_a_dict_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="contains a list"):
        load_checkpoint_file(save([1, 2], tmp_path), "cpu")


def test_a_large_weight_may_have_four_names(tmp_path: Path) -> None:
    weight = torch.zeros(5_000_000)
    content = {"network_weights": dict.fromkeys("abcd", weight)}
    assert len(load_checkpoint_file(save(content, tmp_path), "cpu")["network_weights"]) == 4
