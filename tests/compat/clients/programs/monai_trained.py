"""MONAI: a model that was trained for one epoch becomes a bundle."""

import json
import sys
from pathlib import Path

import torch

if __name__ == "__main__":
    from monai.apps.nnunet.nnunet_bundle import convert_nnunet_to_monai_bundle

    from nnunetv2.run.run_training import get_trainer_from_args

    trainer = get_trainer_from_args("777", "3d_fullres", 0, device=torch.device("cpu"))
    trainer.num_epochs, trainer.num_iterations_per_epoch, trainer.num_val_iterations_per_epoch = 1, 2, 1
    trainer.run_training()
    bundle = Path(sys.argv[2]).parent / "bundle"
    (bundle / "models").mkdir(parents=True)
    try:
        convert_nnunet_to_monai_bundle({"dataset_name_or_id": "777"}, str(bundle), 0)
        said = sorted(path.name for path in (bundle / "models" / "fold_0").iterdir())
    except Exception as error:
        said = type(error).__name__
    print("SAID" + json.dumps(said))
