"""TotalSegmentator's three trainers, with constructors of nnU-Net 2.5; one of them trains an epoch."""

import json
import sys
from pathlib import Path

import torch

if __name__ == "__main__":
    from totalsegmentator import custom_trainers

    root, out = map(Path, sys.argv[1:])
    model = next((root / "results").glob("*/*__*__*"))
    plans, dataset = (json.loads((model / name).read_text()) for name in ("plans.json", "dataset.json"))
    names = (
        "nnUNetTrainer_MOSAIC_1k_QuarterLR_NoMirroring",
        "nnUNetTrainerDiceTopK10Loss_2000epochs",
        "nnUNetTrainerSkeletonRecall",
    )
    made = [
        getattr(custom_trainers, name)(plans, "3d_fullres", 0, dataset, device=torch.device("cpu")) for name in names
    ]
    trainer = made[-1]
    trainer.num_epochs, trainer.num_iterations_per_epoch, trainer.num_val_iterations_per_epoch = 1, 2, 1
    trainer.run_training()
    print("SAID" + json.dumps([[one.initial_lr, one.num_epochs] for one in made]))
