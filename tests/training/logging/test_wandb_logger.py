"""Tests with a stand-in for the package wandb, which need not be installed."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from nnunetv2.training.logging.nnunet_logger import MetaLogger
from nnunetv2.training.logging.wandb_logger import WandbLogger


class FakeRun:
    def __init__(self, options: dict[str, Any]):
        self.options = options
        self.step = 3 if options["resume"] else 0
        self.logged: list[tuple[dict[str, Any], int]] = []
        self.summary: dict[str, Any] = {}
        self.settings: dict[str, Any] = {}
        self.config = SimpleNamespace(update=lambda entries, allow_val_change: self.settings.update(entries))

    def log(self, values: dict[str, Any], step: int) -> None:
        self.logged.append((values, step))


@pytest.fixture
def fake_wandb(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("wandb")
    module.init = lambda **options: FakeRun(options)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", module)
    monkeypatch.setenv("nnUNet_wandb_enabled", "true")


@pytest.fixture
def earlier_run(tmp_path: Path) -> Path:
    folder = tmp_path / "wandb" / "latest-run"
    folder.mkdir(parents=True)
    (folder / "run-abc123.wandb").touch()
    return folder


def test_a_new_run_removes_the_earlier_one(fake_wandb, earlier_run, tmp_path) -> None:
    run = WandbLogger(tmp_path, resume=False).run
    assert not earlier_run.exists()
    assert (run.options["id"], run.options["project"], run.options["mode"]) == (None, "nnunet", "online")


def test_a_resumed_run_continues_and_skips_the_steps_it_has(fake_wandb, earlier_run, tmp_path) -> None:
    logger = WandbLogger(tmp_path, resume=True)
    logger.log("lrs", 0.1, 2)
    logger.log("lrs", 0.2, 3)
    assert logger.run.options["id"] == "abc123"
    assert logger.run.logged == [({"lrs": 0.2}, 3)]


def test_the_environment_switches_it_on_and_names_project_and_job(fake_wandb, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("nnUNet_wandb_project", "drift")
    monkeypatch.setenv("SLURM_JOB_ID", "42")
    (logger,) = MetaLogger(tmp_path, resume=False).loggers
    assert isinstance(logger, WandbLogger)
    assert logger.run.options["project"] == "drift"
    assert logger.run.settings == {"JobID": "42"}
    logger.log_summary("final_val/foreground_dice", 0.5)
    assert logger.run.summary == {"final_val/foreground_dice": 0.5}


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(RuntimeError, match="pip install wandb"):
        WandbLogger(tmp_path, resume=False)
