"""Loggers beside the local lists, chosen by DRIFT_LOGGERS (and nnU-Net's own variables for Weights & Biases).

A logger that cannot start ends the command before the training; one that fails later only costs its own values.
"""

import importlib
import os
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from nnunetv2.errors import DriftError, SettingsError
from s1.environment import text_variable

LOGGERS_VARIABLE = "DRIFT_LOGGERS"
FAILURES_IN_A_ROW = 3
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
        raise SettingsError(f"the logger {name} could not start: {_in_one_line(error)}") from error
    return logger


def missing_package(name: str, package: str) -> SettingsError:
    """Return the error for a package of a logger that is not installed."""
    return SettingsError(
        f"{LOGGERS_VARIABLE} names {name}, but the package {package} is not installed: `pip install {package}`, or "
        "leave it out"
    )


class FailureGuard:
    """Calls loggers so that one that fails costs one warning and its own values, never the training.

    After a failure a logger is left alone until the next epoch; after three epochs in a row for good, so that a server
    that does not answer does not slow down every epoch.

    Parameters:
        warn: gets the line of a logger's first failure.
    """

    def __init__(self, warn: Callable[[str], None]):
        self._warn = warn
        self._failed_at: dict[int, set[int | None]] = {}
        self._warned_of: set[int] = set()

    def each(self, loggers: Sequence[Any], call: Callable[[Any], None], step: int | None = None) -> None:
        """Call with each logger that is not left alone at that epoch; None: of no epoch."""
        for logger in loggers:
            failures = self._failed_at.setdefault(id(logger), set())
            if len(failures) >= FAILURES_IN_A_ROW or (step is not None and step in failures):
                continue
            try:
                call(logger)
            except Exception as error:
                failures.add(step)
                self._warn_once(logger, error)
            else:
                failures.clear()

    def _warn_once(self, logger: Any, error: Exception) -> None:
        if id(logger) not in self._warned_of:
            self._warned_of.add(id(logger))
            self._warn(
                f"WARNING: the logger {type(logger).__name__} failed: {_in_one_line(error)}; the training goes on, "
                "and values may be missing there"
            )


def _in_one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
