from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nnunetv2.errors import CheckpointError
from nnunetv2.training.checkpoints.checkpoint_files import write_checkpoint
from nnunetv2.training.checkpoints.epoch_so_far import EpochSoFar, logging_so_far


def output(number: float) -> dict[str, Any]:
    return {"loss": np.array(number, np.float32), "counts": np.arange(3), "edge_loss": 0.1, "domain": ["a"]}


def so_far(*numbers: float) -> EpochSoFar:
    epoch = EpochSoFar()
    for number in numbers:
        epoch.add(output(number))
    return epoch


def test_outputs_are_the_same_after_they_were_in_a_file(tmp_path: Path) -> None:
    epoch = so_far(0.1, 0.2)
    write_checkpoint({"entry": epoch.to_entry([epoch.train_outputs])}, tmp_path / "c.pth")
    again = EpochSoFar.from_entry(torch.load(tmp_path / "c.pth", weights_only=True)["entry"], 0, 1)

    assert (again.steps, again.is_trained) == (2, False)
    for ours, theirs in zip(again.train_outputs, epoch.train_outputs, strict=True):
        assert ours.keys() == theirs.keys()
        assert ours["loss"] == theirs["loss"]
        assert (ours["loss"].dtype, ours["loss"].shape) == (np.float32, ())
        assert ours["counts"].tolist() == [0, 1, 2]
        assert (ours["edge_loss"], ours["domain"]) == (0.1, ["a"])


@pytest.mark.parametrize(("ranks", "shares"), [(2, [[0, 1], [2, 3]]), (1, [[0, 1, 2, 3]]), (3, [[0, 3], [2], [1]])])
def test_every_output_has_a_rank_also_if_there_are_more_or_fewer(ranks: int, shares: list[list[float]]) -> None:
    entry = so_far(0, 1).to_entry([so_far(0, 1).train_outputs, so_far(2, 3).train_outputs])
    found = [EpochSoFar.from_entry(entry, rank, ranks) for rank in range(ranks)]

    assert [[float(output["loss"]) for output in epoch.train_outputs] for epoch in found] == shares
    assert {epoch.steps for epoch in found} == {2}


def test_an_epoch_with_fewer_outputs_than_ranks_begins_anew_unless_they_are_used_already() -> None:
    entry = so_far(0, 1).to_entry([so_far(0, 1).train_outputs])
    assert [EpochSoFar.from_entry(entry, rank, 3) for rank in range(3)] == [EpochSoFar()] * 3
    found = [EpochSoFar.from_entry({**entry, "is_trained": True}, rank, 3) for rank in range(3)]
    assert {(epoch.steps, epoch.is_trained) for epoch in found} == {(2, True)}


def test_at_the_start_of_an_epoch_there_is_nothing_to_store() -> None:
    assert EpochSoFar().to_entry([[]]) == {}
    assert EpochSoFar.from_entry({}, 0, 1) == EpochSoFar()


def test_outputs_of_other_kinds_are_not_stored() -> None:
    epoch = EpochSoFar()
    epoch.add({"loss": object()})
    assert epoch.to_entry([epoch.train_outputs]) == {}


@pytest.mark.parametrize(
    "change",
    [
        *({"steps": 0}, {"steps": True}, {"steps": 3}, {"is_trained": 1}, {"train_outputs": []}),
        *({"train_outputs": None}, {"train_outputs": [[1, 2]]}, {"train_outputs": [{}]}),
        {"train_outputs": [[{1: 2}, {}]]},
    ],
)
def test_another_form_is_refused(change: dict[str, Any]) -> None:
    entry = {**so_far(0, 1).to_entry([so_far(0, 1).train_outputs]), **change}
    with pytest.raises(CheckpointError, match="continue from an older checkpoint"):
        EpochSoFar.from_entry(entry, 0, 1)


@pytest.mark.parametrize(("is_trained", "rates"), [(False, [0.1]), (True, [0.1, 0.2])])
def test_the_curves_end_with_the_last_whole_epoch(is_trained: bool, rates: list[float]) -> None:
    curves = {"lrs": [0.1, 0.2], "val_losses": [1.0], "epoch_start_timestamps": [5.0, 6.0]}
    assert logging_so_far(curves, 1, is_trained) == {"lrs": rates, "val_losses": [1.0], "epoch_start_timestamps": [5.0]}
