"""Loggers beside the local lists, chosen by DRIFT_LOGGERS (and nnU-Net's own variables for Weights & Biases).

A logger that cannot start ends the command before the training; one that fails later only costs its own values.
"""

import importlib
import os
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Protocol

from nnunetv2.errors import DriftError, SettingsError
from nnunetv2.training.logging.logger_thread import LoggerThread, in_one_line
from s1.environment import text_variable

LOGGERS_VARIABLE = "DRIFT_LOGGERS"
_MADE_BY = {
    "tensorboard": ("nnunetv2.training.logging.tensorboard_logger", "TensorBoardLogger"),
    "mlflow": ("nnunetv2.training.logging.mlflow_logger", "MlflowLogger"),
    "wandb": ("nnunetv2.training.logging.wandb_logger", "WandbLogger"),
}


class ExternalLogger(Protocol):
    """The interface of the entries of `MetaLogger.loggers`."""

    def update_config(self, config: dict[str, Any]) -> None:
        """Add entries to the run's configuration."""

    def log(self, key: str, value: Any, step: int) -> None:
        """Log the value of an epoch."""

    def log_summary(self, key: str, value: Any) -> None:
        """Log a number about the whole run."""


def requested_names() -> list[str]:
    """Return the names in DRIFT_LOGGERS, separated by commas, each once. Raises SettingsError for unknown ones."""
    names = [name.strip().lower() for name in text_variable(LOGGERS_VARIABLE, "").split(",")]
    names = list(dict.fromkeys(name for name in names if name))
    unknown = [name for name in names if name not in _MADE_BY]
    if unknown:
        raise SettingsError(f"{LOGGERS_VARIABLE} names {', '.join(unknown)}, expected some of {', '.join(_MADE_BY)}")
    return names


def start_logger(name: str, output_folder: str | os.PathLike[str], resume: bool) -> ExternalLogger:
    """Return a logger that writes to a new run or, with `resume`, goes on with that of the folder.

    Raises SettingsError if its package is missing or it cannot start.
    """
    module, maker = _MADE_BY[name]
    try:
        logger: ExternalLogger = getattr(importlib.import_module(module), maker)(output_folder, resume)
    except DriftError:
        raise
    except Exception as error:
        raise SettingsError(f"the logger {name} could not start: {in_one_line(error)}") from error
    return logger


def missing_package(name: str, package: str) -> SettingsError:
    """Return the error for a package of a logger that is not installed."""
    return SettingsError(
        f"{LOGGERS_VARIABLE} names {name}, but the package {package} is not installed: `pip install {package}`, or "
        "leave it out"
    )


class FailureGuard:
    """Calls loggers so that one that fails or hangs costs a warning and its own values, never the training.

    Parameters:
        warn: gets the lines about a logger, see LoggerThread.
    """

    def __init__(self, warn: Callable[[str], None]):
        self._warn = warn
        self._threads: list[LoggerThread] = []

    def each(self, loggers: Sequence[Any], call: Callable[[Any], None], step: int | None = None) -> None:
        """Call with each logger that is not left alone at that epoch; None: of no epoch."""
        for logger in loggers:
            self._thread_of(logger).do(call, step)

    def wait(self, seconds: float) -> None:
        """Wait for loggers that are late, but not longer in all, and say which of them stay so."""
        end = monotonic() + seconds
        late = [thread.logger for thread in self._threads if not thread.wait(end - monotonic())]
        if late:
            names = ", ".join(type(logger).__name__ for logger in late)
            self._warn(f"WARNING: the last values are missing in: {names}, which did not answer for {seconds:.0f} s")

    def _thread_of(self, logger: Any) -> LoggerThread:
        for thread in self._threads:
            if thread.logger is logger:
                return thread
        self._threads.append(LoggerThread(logger, self._warn))
        return self._threads[-1]
