"""Sends the numbers of a run to Weights & Biases, if the environment requests it and the package is installed."""

import os
import shutil
from pathlib import Path
from typing import Any

from nnunetv2.errors import SettingsError
from s1.environment import text_variable

ENABLED_VARIABLE = "nnUNet_wandb_enabled"
PROJECT_VARIABLE = "nnUNet_wandb_project"
MODE_VARIABLE = "nnUNet_wandb_mode"


class WandbLogger:
    """One run of Weights & Biases, below `output_folder`/wandb.

    A new run removes the files of an earlier one; with `resume` the earlier run continues, and steps it already has are
    not sent again.
    """

    def __init__(self, output_folder: str | os.PathLike[str], resume: bool):
        self.output_folder = output_folder
        self.resume = resume
        folder = Path(output_folder) / "wandb"
        if not resume and folder.is_dir():
            shutil.rmtree(folder)
        self.run = _import_wandb().init(
            project=text_variable(PROJECT_VARIABLE, "nnunet"),
            mode=text_variable(MODE_VARIABLE, "online"),
            dir=str(output_folder),
            id=_latest_run(folder) if resume else None,
            resume="allow" if resume else None,
        )
        self.update_config({"JobID": get_cluster_job_id()})

    def update_config(self, config: dict[str, Any]) -> None:
        """Add entries to the run's configuration."""
        self.run.config.update(config, allow_val_change=True)

    def log(self, key: str, value: Any, step: int) -> None:
        """Send a value, unless the run is already past that step."""
        if step >= self.run.step:
            self.run.log({key: value}, step=step)

    def log_summary(self, key: str, value: Any) -> None:
        """Set an entry of the run's summary."""
        self.run.summary[key] = value


def get_cluster_job_id() -> str | None:
    """Return the job id of SLURM or LSF, or None outside both."""
    return os.environ.get("SLURM_JOB_ID") or os.environ.get("LSB_JOBID")


def _latest_run(folder: Path) -> str | None:
    files = sorted((folder / "latest-run").glob("*.wandb"))
    return files[0].stem.removeprefix("run-") if files else None


def _import_wandb() -> Any:
    try:
        import wandb
    except ImportError:
        raise SettingsError(
            f"{ENABLED_VARIABLE} is set, or DRIFT_LOGGERS names wandb, but the package wandb is not installed: "
            "`pip install wandb`, or unset it"
        ) from None
    return wandb
