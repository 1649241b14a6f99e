import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from nnunetv2.errors import CheckpointError, CheckpointMismatchError, IncompleteCheckpointError
from nnunetv2.training.checkpoints.checkpoint_files import (
    REQUIRED_KEYS,
    CheckpointPolicy,
    checkpoint_of,
    describe_changes,
    fitting_weights,
    is_new_best,
    without_numpy,
    write_checkpoint,
)

COMPLETE = {
    "network_weights": {},
    "optimizer_state": {},
    "logging": {},
    "_best_ema": 0.5,
    "current_epoch": 1,
    "init_args": {},
}


def test_a_checkpoint_may_be_a_dict_a_string_or_a_path(tmp_path: Path) -> None:
    write_checkpoint(COMPLETE, tmp_path / "c.pth")

    assert checkpoint_of(COMPLETE, "cpu") == COMPLETE
    assert checkpoint_of(str(tmp_path / "c.pth"), "cpu") == COMPLETE
    assert checkpoint_of(tmp_path / "c.pth", "cpu") == COMPLETE


@pytest.mark.parametrize("key", REQUIRED_KEYS)
def test_a_missing_entry_is_named(key: str) -> None:
    content = {name: value for name, value in COMPLETE.items() if name != key}

    with pytest.raises(IncompleteCheckpointError, match=f"lacks {key}") as caught:
        checkpoint_of(content, "cpu")
    assert isinstance(caught.value, KeyError)


def test_weights_with_a_prefix_of_distributed_training_fit() -> None:
    weights = nn.Linear(2, 1).state_dict()
    prefixed = {f"module.{name}": value for name, value in weights.items()}

    assert fitting_weights(nn.Linear(2, 1).state_dict(), prefixed, "file") == weights


def test_a_network_with_a_part_called_module_keeps_its_names() -> None:
    network = nn.ModuleDict({"module": nn.Linear(2, 1)})
    weights = {name: torch.full_like(value, 3) for name, value in network.state_dict().items()}

    assert fitting_weights(network.state_dict(), weights, "file") == weights


def test_another_network_is_refused_in_one_line() -> None:
    network = nn.Sequential(nn.Linear(2, 1), nn.Linear(1, 1))
    weights = {"0.weight": torch.zeros(1, 3), "0.bias": torch.zeros(1), "2.weight": torch.zeros(1)}

    with pytest.raises(
        CheckpointMismatchError,
        match=r"file does not match this network: lacks 1\.weight and 1 more; has in surplus 2\.weight; of another "
        r"shape: 0\.weight is \(1, 3\) instead of \(1, 2\)",
    ) as caught:
        fitting_weights(network.state_dict(), weights, "file")
    assert "\n" not in str(caught.value)


def test_the_latest_checkpoint_is_written_every_so_many_epochs_but_not_at_the_end() -> None:
    policy = CheckpointPolicy(save_every=2, num_epochs=6)

    assert [epoch for epoch in range(6) if policy.latest_is_due(epoch)] == [1, 3]


@pytest.mark.parametrize(
    ("score", "best", "expected"),
    [
        (0.1, None, True),
        (math.nan, None, True),
        (0.2, 0.1, True),
        (0.1, 0.1, False),
        (math.nan, 0.1, False),
        (0.1, math.nan, True),
        (math.nan, math.nan, False),
    ],
)
def test_nan_is_never_better_and_never_stays(score: float, best: float | None, expected: bool) -> None:
    assert is_new_best(score, best) is expected


def test_changes_of_the_dataset_are_described() -> None:
    saved = {"configuration": "2d", "fold": 0, "dataset_json": {"labels": {"a": 1}, "numTraining": 3}, "plans": {}}
    current = {"configuration": "2d", "fold": 1, "dataset_json": {"labels": {"a": 2}, "numTraining": 3}, "plans": {}}

    assert describe_changes(saved, current) == ["fold was 0, now it is 1", "dataset_json changed in labels"]
    assert describe_changes(saved, saved) == []


def test_files_hold_python_numbers_and_load_without_an_allow_list(tmp_path: Path) -> None:
    weights = nn.Linear(2, 2).state_dict()
    content = {"a": np.float32(0.5), "b": [np.int64(3), (np.float64(1.5),)], "c": np.arange(2), "w": weights}
    write_checkpoint(content, tmp_path / "c.pth")

    read = torch.load(tmp_path / "c.pth", weights_only=True)

    assert (read["a"], read["b"], read["c"]) == (0.5, [3, (1.5,)], [0, 1])
    assert type(read["a"]) is float
    assert without_numpy(weights) is weights


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    write_checkpoint({"a": 1}, tmp_path / "c.pth")

    with pytest.raises(Exception, match="pickle"):
        write_checkpoint({"a": (number for number in range(3))}, tmp_path / "c.pth")

    assert torch.load(tmp_path / "c.pth", weights_only=True) == {"a": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["c.pth"]


@pytest.mark.parametrize("init_args", [None, "2d", ["2d"]])
def test_arguments_of_a_trainer_that_are_no_dictionary_are_refused(init_args: object) -> None:
    content = {**dict.fromkeys(REQUIRED_KEYS), "init_args": init_args}
    with pytest.raises(CheckpointError, match=r"init_args is .*, expected the arguments of a trainer"):
        checkpoint_of(content, "cpu")


def test_plans_of_another_form_count_as_changed() -> None:
    assert describe_changes({"plans": "text", "dataset_json": 3}, {"plans": {"a": 1}}) == ["plans changed in a"]
