"""The trainer's logger, which writes to the local lists and to external loggers."""

import logging
import os
from collections.abc import Mapping
from typing import Any

from nnunetv2.errors import SettingsError
from nnunetv2.foundation.plain_values import to_plain
from nnunetv2.training.logging.external_loggers import (
    ExternalLogger,
    FailureGuard,
    requested_names,
    start_logger,
)
from nnunetv2.training.logging.local_logger import LocalLogger, averaged_dice, nnUNetLogger
from nnunetv2.training.logging.wandb_logger import ENABLED_VARIABLE, WandbLogger, get_cluster_job_id
from s1.environment import text_variable

__all__ = ["LocalLogger", "MetaLogger", "WandbLogger", "get_cluster_job_id", "nnUNetLogger"]

SECONDS_TO_WAIT_AT_THE_END = 10.0
SWITCHES = {"0": False, "False": False, "false": False, "1": True, "True": True, "true": True}


class MetaLogger:
    """Writes everything to `local_logger` first, then to each of `loggers` (DRIFT_LOGGERS, Weights & Biases).

    A logger that fails or hangs costs a warning and its own values.
    """

    def __init__(self, output_folder: str | os.PathLike[str], resume: bool, verbose: bool = False):
        self.output_folder = output_folder
        self.resume = resume
        self.loggers: list[ExternalLogger] = []
        self.local_logger = LocalLogger(verbose)
        self._guard = FailureGuard(logging.getLogger(__name__).warning)
        self._start_loggers()

    def _start_loggers(self) -> None:
        names = requested_names()
        if self._is_logger_enabled(ENABLED_VARIABLE) and "wandb" not in names:
            names.append("wandb")
        if _is_first_rank():
            self.loggers += [start_logger(name, self.output_folder, self.resume) for name in names]

    @property
    def my_fantastic_logging(self) -> dict[str, list[Any]]:
        """The local lists, under the name they had before nnU-Net 2.7."""
        return self.local_logger.my_fantastic_logging

    @my_fantastic_logging.setter
    def my_fantastic_logging(self, lists: Mapping[str, list[Any]]) -> None:
        self.local_logger.load_checkpoint(lists)

    def update_config(self, config: dict[str, Any]) -> None:
        """Pass the configuration to the external loggers."""
        self._guard.each(self.loggers, lambda logger: logger.update_config(config))

    def log(self, key: str, value: Any, step: int) -> None:
        """Store the value of an epoch; with `mean_fg_dice` also its moving average `ema_fg_dice`."""
        value = to_plain(value)
        self.local_logger.log(key, value, step)
        self._forward(key, value, step)
        if key == "mean_fg_dice":
            self.log("ema_fg_dice", averaged_dice(self.local_logger, value, step), step)

    def log_summary(self, key: str, value: Any) -> None:
        """Pass a number about the whole run to the external loggers."""
        self._guard.each(self.loggers, lambda logger: logger.log_summary(key, to_plain(value)))

    def get_value(self, key: str, step: int | None) -> Any:
        """Return one entry (-1 is the last) or, for step None, the whole list."""
        return self.local_logger.get_value(key, step)

    def plot_progress_png(self, output_folder: str | os.PathLike[str]) -> None:
        """Draw all curves to progress.png in that folder."""
        self.local_logger.plot_progress_png(output_folder)

    def get_checkpoint(self) -> dict[str, list[Any]]:
        """Return the lists to store in a checkpoint."""
        return self.local_logger.get_checkpoint()

    def load_checkpoint(self, checkpoint: Mapping[str, list[Any]]) -> None:
        """Restore the lists of a checkpoint."""
        self.local_logger.load_checkpoint(checkpoint)

    def log_further(self, key: str, value: Any, step: int) -> None:
        """Send the value of an epoch to the external loggers only, so that it is not part of checkpoints."""
        self._guard.each(self.loggers, lambda logger: logger.log(key, value, step), step)

    def wait_for_loggers(self) -> None:
        """Wait, but not long, for external loggers that are late; at the end of a training."""
        self._guard.wait(SECONDS_TO_WAIT_AT_THE_END)

    def _forward(self, key: str, value: Any, step: int) -> None:
        if isinstance(value, list | tuple):
            for number, entry in enumerate(value, start=1):
                self.log_further(f"{key}/class_{number}", entry, step)
        else:
            self.log_further(key, value, step)

    def _is_logger_enabled(self, env_var: str) -> bool:
        setting = text_variable(env_var, "0")
        if setting not in SWITCHES:
            raise SettingsError(f"{env_var} is {setting!r}, expected one of {', '.join(SWITCHES)}")
        return SWITCHES[setting]


def _is_first_rank() -> bool:
    import torch.distributed

    return not torch.distributed.is_initialized() or torch.distributed.get_rank() == 0
