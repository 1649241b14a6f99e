"""Short trainings on tiny synthetic datasets."""

from typing import Any

from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from tests.conftest import NnunetFolders
from tests.training.tiny_dataset import TinyDataset, TinyTrainer, make_trainer, write_preprocessed

SINGLE = TinyDataset()
SEVERAL = TinyDataset(domains=("north", "south"))
EVERY_PART_OFF = dict.fromkeys(
    ("balance_batches", "use_edge_heads", "select_by_balanced_dice", "stratify_splits"), False
)
STOCK_KEYS = [
    "network_weights",
    "optimizer_state",
    "grad_scaler_state",
    "logging",
    "_best_ema",
    "current_epoch",
    "init_args",
    "trainer_name",
    "inference_allowed_mirroring_axes",
]


def run(dataset: TinyDataset, folders: NnunetFolders, trainer_class: type[nnUNetTrainer] = TinyTrainer) -> Any:
    """Write the dataset, train on it, and return the trainer."""
    write_preprocessed(dataset, folders.preprocessed)
    trainer = make_trainer(dataset, trainer_class=trainer_class)
    trainer.run_training()
    return trainer
