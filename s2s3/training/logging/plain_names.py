"""Names of values in TensorBoard and MLflow; Weights & Biases keeps nnU-Net's own."""

import re

_OF_NNUNET = {
    "train_losses": "train/loss",
    "val_losses": "val/loss",
    "mean_fg_dice": "val/mean_dice",
    "ema_fg_dice": "val/mean_dice_moving_average",
    "lrs": "train/learning_rate",
    "epoch_start_timestamps": "time/epoch_start",
    "epoch_end_timestamps": "time/epoch_end",
}
_CLASS = re.compile(r"dice_per_class_or_region/class_(\d+)")


def plain_name(key: str) -> str:
    """Return train/..., val/... or time/... for a key of nnU-Net's logger, other keys as they are."""
    of_class = _CLASS.fullmatch(key)
    return f"val/dice_of_class/{of_class[1]}" if of_class else _OF_NNUNET.get(key, key)
