"""Sends the numbers of a run to MLflow: to MLFLOW_TRACKING_URI, as MLflow reads it, in MLFLOW_EXPERIMENT_NAME."""

import json
import os
import re
from pathlib import Path
from typing import Any

from nnunetv2.foundation.files import replacing
from nnunetv2.foundation.plain_values import to_plain
from nnunetv2.training.logging.external_loggers import missing_package
from nnunetv2.training.logging.plain_names import plain_name
from s1.environment import text_variable

RUN_FILE = "mlflow_run.txt"
EXPERIMENT_VARIABLE = "MLFLOW_EXPERIMENT_NAME"
LONGEST_PARAMETER = 500
_RUN_ID = re.compile(r"[0-9a-f]{32}")
_NOT_IN_NAMES = re.compile(r"[^\w.\- ]")


class MlflowLogger:
    """One run of MLflow, whose id is in `mlflow_run.txt` of the fold's folder.

    With `resume` that run goes on; without the file, or if the server does not know it any more, a new one starts.
    """

    def __init__(self, output_folder: str | os.PathLike[str], resume: bool):
        self._client = _import_mlflow().tracking.MlflowClient()
        self._file = Path(output_folder) / RUN_FILE
        self.run_id = (self._earlier_run() if resume else None) or self._new_run(str(output_folder))

    def update_config(self, config: dict[str, Any]) -> None:
        """Add the entries as a file and, those that are short, as tags."""
        plain = to_plain(config)
        for name, value in plain.items():
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            if len(text) <= LONGEST_PARAMETER:
                self._client.set_tag(self.run_id, metric_name(name), text)
            else:
                self._client.log_text(
                    self.run_id, json.dumps(value, indent=1, default=str), f"{metric_name(name)}.json"
                )

    def log(self, key: str, value: Any, step: int) -> None:
        """Send the value of an epoch."""
        self._client.log_metric(self.run_id, metric_name(plain_name(key)), float(value), step=step)

    def log_summary(self, key: str, value: Any) -> None:
        """Send a number about the whole run."""
        self._client.log_metric(self.run_id, metric_name(key), float(value))

    def _new_run(self, name: str) -> str:
        experiment = text_variable(EXPERIMENT_VARIABLE, "nnunet")
        known = self._client.get_experiment_by_name(experiment)
        number = self._client.create_experiment(experiment) if known is None else known.experiment_id
        run: str = self._client.create_run(number, run_name=os.sep.join(Path(name).parts[-3:])).info.run_id
        with replacing(self._file) as temporary:
            Path(temporary).write_text(run)
        return run

    def _earlier_run(self) -> str | None:
        try:
            run = self._file.read_text()[:64].strip()
        except (OSError, ValueError):
            return None
        if not _RUN_ID.fullmatch(run):
            return None
        try:
            self._client.update_run(run, status="RUNNING")
        except Exception:  # another server, or a run that was deleted
            return None
        return run


def metric_name(key: str) -> str:
    """Return a key with only what MLflow takes: letters, digits, `_-. ` and slashes; others as their code, _2b_."""
    parts = [_NOT_IN_NAMES.sub(lambda found: f"_{ord(found[0]):x}_", part) for part in key.split("/")]
    return "/".join(part.replace(".", "_2e_") if set(part) <= {"."} else part for part in parts if part)


def _import_mlflow() -> Any:
    try:
        import mlflow
    except ImportError:
        raise missing_package("mlflow", "mlflow") from None
    return mlflow
