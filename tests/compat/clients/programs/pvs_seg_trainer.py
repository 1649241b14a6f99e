"""PVS-Seg's trainer: transforms of its own at the end of nnU-Net's."""

import json
import sys
from pathlib import Path

import torch

if __name__ == "__main__":
    from pvsseg.trainer import nnUNetTrainerCustomAug

    root = Path(sys.argv[1])
    model = next((root / "results").glob("*/*__*__*"))
    plans, dataset = (json.loads((model / name).read_text()) for name in ("plans.json", "dataset.json"))
    plans["continue_training"] = False
    trainer = nnUNetTrainerCustomAug(plans, "3d_fullres", 0, dataset, device=torch.device("cpu"))
    trainer.initialize()
    rotation, dummy_2d, patch, axes = trainer.configure_rotation_dummyDA_mirroring_and_inital_patch_size()
    composed = trainer.get_training_transforms(
        trainer.configuration_manager.patch_size, rotation, trainer._get_deep_supervision_scales(), axes, dummy_2d
    )
    print("SAID" + json.dumps([type(one).__name__ for one in composed.transforms]))
