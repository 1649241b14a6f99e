"""The metrics of a run, one list per key with one entry per epoch, which are stored in the checkpoint."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from nnunetv2.errors import CallError
from nnunetv2.foundation.plain_values import to_plain
from nnunetv2.training.logging.moving_average import next_average

LOGGED_KEYS = (
    "mean_fg_dice",
    "ema_fg_dice",
    "dice_per_class_or_region",
    "train_losses",
    "val_losses",
    "lrs",
    "epoch_start_timestamps",
    "epoch_end_timestamps",
)


class FurtherCurves(Protocol):
    """Metrics that nnU-Net does not have, kept elsewhere: Dice of a domain, balanced Dice, edge loss."""

    def drawn(self) -> Mapping[str, Mapping[str, list[float]]]:
        """Return group ("dice" or "losses") -> name -> one value for each epoch."""


class LocalLogger:
    """Keeps the lists of `my_fantastic_logging` (nnU-Net's name), Python numbers only.

    `further_curves` are drawn too, but are not part of `get_checkpoint`.
    """

    def __init__(self, verbose: bool = False):
        self.my_fantastic_logging: dict[str, list[Any]] = {key: [] for key in LOGGED_KEYS}
        self.further_curves: FurtherCurves | None = None
        self.verbose = verbose

    def log(self, key: str, value: Any, epoch: int) -> None:
        """Store the value of an epoch; CallError for unknown keys and for epochs before the last one logged."""
        if key not in self.my_fantastic_logging or not isinstance(self.my_fantastic_logging[key], list):
            known = ", ".join(self.my_fantastic_logging)
            raise CallError(f"cannot log {key!r}, expected one of {known}")
        _store(self.my_fantastic_logging[key], key, value, epoch)

    def get_value(self, key: str, step: int | None) -> Any:
        """Return one entry (-1 is the last) or, for step None, the whole list."""
        values = self.my_fantastic_logging[key]
        return values if step is None else values[step]

    def plot_progress_png(self, output_folder: str | os.PathLike[str]) -> None:
        """Draw all curves to progress.png in that folder."""
        from nnunetv2.training.logging.progress_plot import draw_progress

        further = {} if self.further_curves is None else self.further_curves.drawn()
        draw_progress(self.my_fantastic_logging, further, Path(output_folder) / "progress.png")

    def get_checkpoint(self) -> dict[str, list[Any]]:
        """Return the lists to store in a checkpoint."""
        return self.my_fantastic_logging

    def load_checkpoint(self, checkpoint: Mapping[str, list[Any]]) -> None:
        """Restore the lists of a checkpoint; missing ones start empty."""
        self.my_fantastic_logging = {**{key: [] for key in LOGGED_KEYS}, **to_plain(dict(checkpoint))}


class nnUNetLogger(LocalLogger):
    """The logger of nnU-Net before 2.7, for programs that still use it; also keeps the moving average of the Dice."""

    def log(self, key: str, value: Any, epoch: int) -> None:
        """Store a value; with `mean_fg_dice` also `ema_fg_dice`."""
        super().log(key, value, epoch)
        if key == "mean_fg_dice":
            super().log("ema_fg_dice", averaged_dice(self, value, epoch), epoch)


def averaged_dice(logger: LocalLogger, mean_dice: float, epoch: int) -> float:
    """Return the moving average of the mean Dice at `epoch`, given the averages logged before."""
    earlier = logger.my_fantastic_logging["ema_fg_dice"][:epoch]
    return next_average(earlier[-1] if earlier else None, float(mean_dice))


def _store(values: list[Any], key: str, value: Any, epoch: int) -> None:
    if len(values) > epoch + 1:
        raise CallError(f"cannot log {key} of epoch {epoch}: {len(values)} epochs are already logged")
    if len(values) == epoch + 1:
        logging.getLogger(__name__).info("the value of %s in epoch %d is replaced by %s", key, epoch, value)
        values.pop()
    values.append(to_plain(value))
