"""Writes the numbers of a run for TensorBoard, into `tensorboard` of the fold's folder."""

import json
import os
from pathlib import Path
from typing import Any

from nnunetv2.foundation.plain_values import to_plain
from nnunetv2.training.logging.external_loggers import missing_package
from nnunetv2.training.logging.plain_names import plain_name


class TensorBoardLogger:
    """One run of TensorBoard.

    A later run in the same folder takes the place of an earlier one from its own first epoch on.
    """

    def __init__(self, output_folder: str | os.PathLike[str], resume: bool):
        self.folder = Path(output_folder) / "tensorboard"
        self._make_writer = _import_writer()
        self._writer: Any = None
        self._config: dict[str, Any] = {}
        self._last_step = 0

    def update_config(self, config: dict[str, Any]) -> None:
        """Show the entries as a text."""
        self._config |= config
        if self._writer is not None:
            self._write_config()

    def log(self, key: str, value: Any, step: int) -> None:
        """Write the value of an epoch."""
        if self._writer is None:
            self._writer = self._make_writer(log_dir=str(self.folder), purge_step=step)
            self._write_config()
        self._last_step = step
        self._writer.add_scalar(plain_name(key), value, step)
        self._writer.flush()

    def log_summary(self, key: str, value: Any) -> None:
        """Write a number about the whole run, at its last epoch."""
        self.log(key, value, self._last_step)

    def _write_config(self) -> None:
        text = json.dumps(to_plain(self._config), indent=1, default=str)
        self._writer.add_text("configuration", "    " + text.replace("\n", "\n    "), self._last_step)


def _import_writer() -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise missing_package("tensorboard", "tensorboard") from None
    return SummaryWriter
