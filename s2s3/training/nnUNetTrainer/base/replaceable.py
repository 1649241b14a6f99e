"""Where the classes and functions stand that clients of nnU-Net replace."""

import importlib
from typing import Any


def trainer_module() -> Any:
    """Return the module of nnUNetTrainer. Hooks look replaceable names up there when they run, never earlier."""
    return importlib.import_module("nnunetv2.training.nnUNetTrainer.nnUNetTrainer")
