"""What the loop over epochs watches: losses that are not finite, and labels that never occur."""

import math
import signal
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from nnunetv2.errors import NonFiniteLossError
from nnunetv2.foundation import stop_signals
from nnunetv2.foundation.stop_signals import Stopped, signals_watched
from nnunetv2.training.ranks import Ranks
from tests.conftest import NnunetFolders
from tests.training.nnUNetTrainer.tiny_runs import SINGLE, run
from tests.training.tiny_dataset import TinyDataset, TinyTrainer

pytestmark = pytest.mark.usefixtures("in_this_process")
REGIONS = TinyDataset(labels={"background": 0, "whole": [1, 2], "inner": 2, "rare": 3}, regions_class_order=(1, 2, 3))


class Diverges(TinyTrainer):
    """Has a loss that is not finite in its fifth step."""

    def train_step(self, batch):
        output = super().train_step(batch)
        if self.current_epoch == 1 and self._so_far.steps == 1:
            output["loss"] = np.array(math.nan, np.float32)
        return output


class TrainsOn(Diverges):
    """Does as nnU-Net does."""

    stop_at_non_finite_loss = False


def test_a_loss_that_is_not_finite_ends_the_training(nnunet_folders: NnunetFolders) -> None:
    with pytest.raises(NonFiniteLossError, match=r"epoch 1, training step 1: .* nan\. Cases .*: case_\d+, case_"):
        run(SINGLE, nnunet_folders, Diverges)

    fold = nnunet_folders.results / SINGLE.name / "Diverges__nnUNetPlans__2d" / "fold_0"
    assert (fold / "non_finite_loss_rank_0.json").is_file()
    assert (fold / "checkpoint_best.pth").is_file(), "that of the first epoch"


def test_a_trainer_may_train_on(nnunet_folders: NnunetFolders) -> None:
    trainer = run(SINGLE, nnunet_folders, TrainsOn)

    assert trainer.current_epoch == 2
    assert math.isnan(trainer.logger.get_value("train_losses", -1))


@pytest.mark.parametrize(
    ("dataset", "named"),
    [(SINGLE, None), (replace(SINGLE, labels={**SINGLE.labels, "rare": 3}), "3 (rare)"), (REGIONS, "3 (rare)")],
    ids=["all occur", "labels", "regions"],
)
def test_labels_that_never_occur_in_the_first_epoch_are_named(
    nnunet_folders: NnunetFolders, dataset: TinyDataset, named: str | None
) -> None:
    log = Path(run(dataset, nnunet_folders).log_file).read_text()

    assert log.count("no training patch of the first epoch has label") == (named is not None)
    assert named is None or f"has label {named};" in log


class Signalled(TinyTrainer):
    """Gets a signal in its second step, and another one while its checkpoint is written."""

    def train_step(self, batch):
        if self._so_far.steps == 1:
            signal.raise_signal(signal.SIGUSR1)
        return super().train_step(batch)

    def _checkpoint_content(self):
        signal.raise_signal(signal.SIGTERM)
        return super()._checkpoint_content()


def test_a_signal_ends_all_ranks_once_the_checkpoint_is_whole(
    nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[bool] = []
    latest = nnunet_folders.results / SINGLE.name / "Signalled__nnUNetPlans__2d" / "fold_0" / "checkpoint_latest.pth"
    monkeypatch.setattr(Ranks, "wait_for_all", lambda _: waited.append(latest.is_file()))
    monkeypatch.setattr(stop_signals, "SECONDS_OF_ONE_REQUEST", 0)

    with pytest.raises(Stopped, match="138"), signals_watched():
        run(SINGLE, nnunet_folders, Signalled)
    assert waited[-1] is True, "the ranks wait for the file"
    assert waited.count(True) == 1


def test_the_first_epoch_says_what_limits_the_training_and_other_loggers_hear_it_each_time(
    nnunet_folders: NnunetFolders,
) -> None:
    heard: list[tuple[str, int]] = []

    class Heard(TinyTrainer):
        def on_train_start(self) -> None:
            super().on_train_start()
            listener = SimpleNamespace(log=lambda key, value, step: heard.append((key, step)))
            self.logger.loggers.append(listener)

    trainer = run(SINGLE, nnunet_folders, Heard)
    lines = [line for line in Path(trainer.log_file).read_text().splitlines() if "Speed:" in line]
    assert len(lines) == 1
    assert "waited for data" in lines[0]
    assert "to change: nnUNet_n_proc_DA=" in lines[0] or "to change: nothing" in lines[0]
    assert [step for key, step in heard if key == "time/waiting_for_data"] == [0, 1]
    assert "time/waiting_for_data" not in trainer.logger.get_checkpoint()


def test_a_training_without_checkpoints_is_not_to_be_continued(nnunet_folders: NnunetFolders) -> None:
    kind = type("Signalled", (Signalled,), {"disable_checkpointing": True})
    with suppress(Stopped), signals_watched():
        run(SINGLE, nnunet_folders, kind)

    (log,) = nnunet_folders.results.glob("*/*/fold_0/training_log_*.txt")
    assert "its steps are lost, as checkpointing is disabled" in log.read_text()
    assert "--c" not in log.read_text()
