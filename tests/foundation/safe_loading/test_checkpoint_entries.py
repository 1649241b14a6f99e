from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nnunetv2.errors import CheckpointError
from nnunetv2.foundation.safe_loading.checkpoint_entries import check_entries
from nnunetv2.foundation.safe_loading.safe_checkpoint import load_checkpoint_file


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"network_weights": {"a.weight": torch.ones(1), "a._extra_state": None}, "anything": object()},
        {"init_args": None, "optimizer_state": None, "logging": None, "_best_ema": None, "grad_scaler_state": None},
        {
            "_best_ema": np.float32(1),
            "current_epoch": np.int64(3),
            "inference_allowed_mirroring_axes": (0, np.int64(1)),
        },
    ],
)
def test_what_nnunet_writes_is_accepted(content: dict[str, Any]) -> None:
    check_entries(content, "a.pth")


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("network_weights", [1, 2], "a list of 2 values, expected weights by name"),
        ("network_weights", {"a.weight": "x"}, "a dict with 'a.weight', a str; expected tensors by name"),
        ("network_weights", {3: torch.ones(1)}, "expected tensors by name"),
        ("init_args", 3, "a int, expected the arguments of a trainer by name"),
        ("optimizer_state", "x", "the state of an optimizer"),
        ("logging", [], "curves by name"),
        ("drift", [1], "a list of 1 values, expected entries by name"),
        ("current_epoch", "3", "a number"),
        ("_best_ema", {}, "a number"),
        ("inference_allowed_mirroring_axes", 2, "numbers of axes"),
        ("inference_allowed_mirroring_axes", [7], "axes from 0 to 2, each once at most"),
        ("inference_allowed_mirroring_axes", [0] * 40, "axes from 0 to 2, each once at most"),
        ("inference_allowed_mirroring_axes", [True], "axes from 0 to 2, each once at most"),
    ],
)
def test_entries_of_another_kind_are_refused_in_one_line(key: str, value: Any, shown: str, tmp_path: Path) -> None:
    torch.save({key: value}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=rf"^{tmp_path}/a\.pth: '{key}' is .*{shown}$"):
        load_checkpoint_file(tmp_path / "a.pth", "cpu")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("edge_heads", 3),
        ("edge_optimizer", []),
        ("domains", "A"),
        ("domains", ["A", 7]),
        ("ratios", [0.5, 0.5]),
        ("domain_curves", None),
        ("domain_weights", [1.0]),
        ("adaptive_ratios", 0.5),
        ("averaged_weights", 7),
        ("domain_statistics", [1]),
    ],
)
def test_our_own_entries_of_another_kind_are_refused_in_one_line(key: str, value: Any, tmp_path: Path) -> None:
    torch.save({"drift": {"version": 1, key: value}}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=rf"^{tmp_path}/a\.pth: 'drift': '{key}' is .*, expected .*$"):
        load_checkpoint_file(tmp_path / "a.pth", "cpu")
