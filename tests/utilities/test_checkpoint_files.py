import datetime
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from nnunetv2.errors import CheckpointError, MissingFileError
from nnunetv2.utilities.checkpoint_files import read_checkpoint, to_plain, write_checkpoint


def test_numpy_numbers_are_written_as_python_numbers(tmp_path: Path) -> None:
    write_checkpoint(
        {"a": np.float32(0.5), "b": [np.int64(3), (np.float64(1.5),)], "c": np.arange(2)}, tmp_path / "c.pth"
    )

    content = torch.load(tmp_path / "c.pth", weights_only=True)  # no allow-list

    assert content == {"a": 0.5, "b": [3, (1.5,)], "c": [0, 1]}
    assert type(content["a"]) is float


def test_state_dicts_keep_their_type_and_metadata() -> None:
    weights = torch.nn.Linear(2, 2).state_dict()

    assert to_plain(weights) is weights
    assert isinstance(weights, OrderedDict)


def test_numpy_scalars_of_stock_files_are_read(tmp_path: Path) -> None:
    torch.save({"_best_ema": np.float32(0.25), "lrs": [np.float64(0.5)], "n": np.int64(3)}, tmp_path / "stock.pth")

    assert read_checkpoint(tmp_path / "stock.pth") == {"_best_ema": 0.25, "lrs": [0.5], "n": 3}


def test_a_refused_type_is_named_with_the_way_to_allow_it(tmp_path: Path) -> None:
    torch.save({"when": datetime.date(2020, 1, 2)}, tmp_path / "c.pth")

    with pytest.raises(CheckpointError, match=r"datetime\.date.*DRIFT_TRUST_CHECKPOINTS"):
        read_checkpoint(tmp_path / "c.pth")


def test_a_trusted_file_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"when": datetime.date(2020, 1, 2)}, tmp_path / "c.pth")
    monkeypatch.setenv("DRIFT_TRUST_CHECKPOINTS", "1")

    assert read_checkpoint(tmp_path / "c.pth") == {"when": datetime.date(2020, 1, 2)}


@pytest.mark.parametrize("content", [b"", b"no checkpoint at all", None])
def test_a_damaged_file_is_one_clear_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "c.pth"
    torch.save({"weights": torch.zeros(1000)}, path)
    path.write_bytes(content if content is not None else path.read_bytes()[:2000])

    with pytest.raises(CheckpointError, match="damaged") as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_reported_as_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"nothing\.pth"):
        read_checkpoint(tmp_path / "nothing.pth")


def test_writing_leaves_the_old_file_when_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "c.pth"
    write_checkpoint({"a": 1}, path)

    with pytest.raises(Exception, match="pickle"):
        write_checkpoint({"a": (number for number in range(3))}, path)

    assert read_checkpoint(path) == {"a": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["c.pth"]
