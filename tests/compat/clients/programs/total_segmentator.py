"""TotalSegmentator: replaces methods of the predictor and globals of its module at run time."""

import json
import sys
from pathlib import Path

import torch

if __name__ == "__main__":
    from totalsegmentator.nnunet_runtime_patches import patch_nnunet_cropped_logits_resampling

    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    root, out = map(Path, sys.argv[1:])
    patched = patch_nnunet_cropped_logits_resampling()
    predictor = nnUNetPredictor(device=torch.device("cpu"), use_mirroring=False, allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(next((root / "results").glob("*/*__*__*"))), (0,))
    for name, cropped in (("plain", False), ("cropped", True)):
        predictor.predict_from_files(
            str(root / "images"),
            str(out / name),
            num_processes_preprocessing=1,
            num_processes_segmentation_export=1,
            use_cropped_logits_resampling=cropped,
        )
    print("SAID" + json.dumps(patched))
