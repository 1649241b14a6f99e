"""PVS-Seg: replaces the finder of classes; its trainer's name stands in the checkpoints."""

import json
import sys
from pathlib import Path

import torch

if __name__ == "__main__":
    from pvsseg.predict import predict
    from pvsseg.trainer import nnUNetTrainerCustomAug

    root, out = map(Path, sys.argv[1:])
    model = next((root / "results").glob("*/*__*__*"))
    predict(root / "images", out / "plain", model, folds=(0,), device=torch.device("cpu"))
    file = model / "fold_0" / "checkpoint_best.pth"
    checkpoint = torch.load(file, weights_only=False)
    torch.save({**checkpoint, "trainer_name": nnUNetTrainerCustomAug.__name__}, file)
    predict(str(root / "images"), str(out / "own_trainer"), str(model), folds=(0,), device=torch.device("cpu"))
    print("SAID" + json.dumps(sorted(path.name for path in out.iterdir())))
