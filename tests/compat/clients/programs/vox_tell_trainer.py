"""VoxTell's trainer for fine-tuning, found in a folder of trainers: it changes the plans before nnU-Net reads them."""

import json
import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import torch

if __name__ == "__main__":
    root, out = map(Path, sys.argv[1:])
    trainers = out.parent / "trainers"
    trainers.mkdir()
    source = Path(find_spec("voxtell").submodule_search_locations[0]) / "training" / "voxtell_trainer.py"
    shutil.copy(source, trainers)
    os.environ["nnUNet_extTrainer"] = str(trainers)
    from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name

    model = next((root / "results").glob("*/*__*__*"))
    plans, dataset = (json.loads((model / name).read_text()) for name in ("plans.json", "dataset.json"))
    plans["continue_training"] = False
    said = []
    for name in ("VoxTellTrainer", "VoxTellTrainer_noMirroring"):
        kind = recursive_find_trainer_class_by_name(name)
        trainer = kind(json.loads(json.dumps(plans)), "3d_fullres", 0, dataset, device=torch.device("cpu"))
        *_, axes = trainer.configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        patch = list(trainer.configuration_manager.patch_size)
        said.append(
            [
                name,
                patch,
                trainer.configuration_manager.batch_size,
                trainer.initial_lr,
                trainer.enable_deep_supervision,
                axes,
            ]
        )
    print("SAID" + json.dumps(said))
