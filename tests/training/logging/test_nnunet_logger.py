from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nnunetv2.training.logging.nnunet_logger import MetaLogger, get_cluster_job_id


class Listener:
    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def update_config(self, config: dict[str, Any]) -> None:
        self.heard.append(("config", config))

    def log(self, key: str, value: Any, step: int) -> None:
        self.heard.append((key, value, step))

    def log_summary(self, key: str, value: Any) -> None:
        self.heard.append((key, value))


@pytest.fixture
def logger(tmp_path: Path) -> MetaLogger:
    return MetaLogger(tmp_path, resume=False)


@pytest.fixture
def listener(logger: MetaLogger) -> Listener:
    listener = Listener()
    logger.loggers.append(listener)
    return listener


def test_logging_the_mean_dice_also_logs_its_moving_average(logger: MetaLogger) -> None:
    for epoch, dice in enumerate([0.5, 0.7, 0.2]):
        logger.log("mean_fg_dice", dice, epoch)
    assert logger.get_value("ema_fg_dice", None) == pytest.approx([0.5, 0.52, 0.488])
    assert logger.get_value("ema_fg_dice", -1) == pytest.approx(0.488)


def test_a_first_epoch_without_score_does_not_poison_the_average(logger: MetaLogger) -> None:
    for epoch, dice in enumerate([float("nan"), 0.5, float("nan")]):
        logger.log("mean_fg_dice", dice, epoch)
    assert logger.get_value("ema_fg_dice", None)[1:] == [0.5, 0.5]


def test_an_epoch_that_is_logged_again_averages_from_the_one_before(logger: MetaLogger) -> None:
    for epoch, dice in [(0, 0.5), (1, 0.9), (1, 0.7)]:
        logger.log("mean_fg_dice", dice, epoch)
    assert logger.get_value("ema_fg_dice", None) == pytest.approx([0.5, 0.52])


def test_lists_reach_other_loggers_class_by_class(logger: MetaLogger, listener: Listener) -> None:
    logger.log("dice_per_class_or_region", np.array([0.25, 0.5]), 0)
    logger.log("mean_fg_dice", 0.4, 0)
    logger.log_summary("final_val/foreground_dice", np.float64(0.75))
    logger.update_config({"fold": 0})
    assert listener.heard == [
        ("dice_per_class_or_region/class_1", 0.25, 0),
        ("dice_per_class_or_region/class_2", 0.5, 0),
        ("mean_fg_dice", 0.4, 0),
        ("ema_fg_dice", 0.4, 0),
        ("final_val/foreground_dice", 0.75),
        ("config", {"fold": 0}),
    ]


def test_the_checkpoint_loads_without_an_allow_list(logger: MetaLogger, tmp_path: Path) -> None:
    logger.log("mean_fg_dice", np.float32(0.5), 0)
    torch.save(logger.get_checkpoint(), tmp_path / "logging.pth")
    fresh = MetaLogger(tmp_path, resume=True)
    fresh.load_checkpoint(torch.load(tmp_path / "logging.pth", weights_only=True))
    assert fresh.my_fantastic_logging == logger.my_fantastic_logging


@pytest.mark.parametrize(("with_domains", "height"), [(False, 5400), (True, 7200)])
def test_the_plot_has_one_more_panel_with_several_domains(logger, tmp_path, with_domains, height) -> None:
    for key in logger.my_fantastic_logging:
        logger.my_fantastic_logging[key].extend([0.5, 0.6])
    if with_domains:
        curves = {"dice": {"balanced": [float("nan"), 0.5]}, "losses": {"edge loss": [0.5, 0.5]}}
        logger.local_logger.further_curves = SimpleNamespace(drawn=lambda: curves)
    logger.plot_progress_png(tmp_path)
    with Image.open(tmp_path / "progress.png") as picture:
        assert picture.size == (3000, height)


def test_a_plot_before_the_first_epoch_is_empty_but_works(logger: MetaLogger, tmp_path: Path) -> None:
    logger.plot_progress_png(str(tmp_path))
    assert (tmp_path / "progress.png").is_file()


@pytest.mark.parametrize("setting", ["yes", "TRUE", ""])
def test_an_unclear_switch_for_wandb_is_refused(monkeypatch, tmp_path, setting) -> None:
    monkeypatch.setenv("nnUNet_wandb_enabled", setting)
    with pytest.raises(RuntimeError, match="nnUNet_wandb_enabled"):
        MetaLogger(tmp_path, resume=False)


def test_the_job_id_comes_from_slurm_then_lsf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.delenv("LSB_JOBID", raising=False)
    assert get_cluster_job_id() is None
    monkeypatch.setenv("LSB_JOBID", "7")
    assert get_cluster_job_id() == "7"
    monkeypatch.setenv("SLURM_JOB_ID", "8")
    assert get_cluster_job_id() == "8"
