import numpy as np
import pytest
import torch

from nnunetv2.training.logging.local_logger import LOGGED_KEYS, LocalLogger, nnUNetLogger


def test_a_new_logger_has_the_eight_lists_of_nnunet() -> None:
    assert LocalLogger().get_checkpoint() == {key: [] for key in LOGGED_KEYS}
    assert len(LOGGED_KEYS) == 8


def test_only_python_numbers_are_kept() -> None:
    logger = LocalLogger()
    logger.log("train_losses", np.float32(0.5), 0)
    logger.log("val_losses", torch.tensor(0.25), 0)
    logger.log("dice_per_class_or_region", [np.float32(0.5), np.float64(0.25)], 0)
    lists = logger.get_checkpoint()
    assert [type(v) for v in (lists["train_losses"][0], lists["val_losses"][0])] == [float, float]
    assert [type(v) for v in lists["dice_per_class_or_region"][0]] == [float, float]


def test_the_value_of_the_same_epoch_is_replaced() -> None:
    logger = LocalLogger()
    logger.log("lrs", 0.1, 0)
    logger.log("lrs", 0.2, 0)
    assert logger.get_value("lrs", None) == [0.2]


def test_an_earlier_epoch_is_refused() -> None:
    logger = LocalLogger()
    logger.log("lrs", 0.1, 0)
    logger.log("lrs", 0.1, 1)
    with pytest.raises(AssertionError, match="2 epochs are already logged"):
        logger.log("lrs", 0.1, 0)


def test_an_unknown_key_is_refused_with_the_known_ones() -> None:
    with pytest.raises(AssertionError, match=r"'dice'.*mean_fg_dice"):
        LocalLogger().log("dice", 1.0, 0)


def test_numpy_scalars_of_a_loaded_checkpoint_become_python_numbers() -> None:
    logger = LocalLogger()
    logger.load_checkpoint({"mean_fg_dice": [np.float32(0.5)], "dice_per_class_or_region": [[np.float32(0.5)]]})
    assert type(logger.get_value("mean_fg_dice", -1)) is float
    assert type(logger.get_value("dice_per_class_or_region", 0)[0]) is float
    assert logger.get_value("lrs", None) == []


def test_the_logger_of_old_programs_keeps_the_moving_average() -> None:
    logger = nnUNetLogger()
    for epoch, dice in enumerate([0.5, 0.7, 0.2]):
        logger.log("mean_fg_dice", dice, epoch)
    assert logger.my_fantastic_logging["ema_fg_dice"] == pytest.approx([0.5, 0.52, 0.488])
