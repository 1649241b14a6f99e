"""nnunetv2-cam: a heat map of a class, from the parts of a prediction: preparation, tiles, resampling, uncropping."""

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import SimpleITK as sitk
import torch

if __name__ == "__main__":
    for name in ("", ".transforms", ".transforms.functional"):  # for pictures; has to fit the build of torch
        module = sys.modules["torchvision" + name] = ModuleType("torchvision" + name)
        module.Compose = module.Normalize = module.ToTensor = module.resize = None
    from nnunetv2_cam import run_cam_for_prediction

    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    root, out = map(Path, sys.argv[1:])
    predictor = nnUNetPredictor(device=torch.device("cpu"), use_mirroring=False, allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(next((root / "results").glob("*/*__*__*"))), (0,))
    image = sorted((root / "images").iterdir())[0]
    (heat,) = run_cam_for_prediction(
        predictor,
        str(image),
        str(out),
        target_layer="encoder.stages.2.0",
        target_class=1,
        cam_type="3d",
        device=torch.device("cpu"),
        save_slices=False,
    )
    heat = np.asarray(heat, dtype=np.float32).squeeze()
    sitk.WriteImage(sitk.GetImageFromArray(heat), str(out / "heat.nii.gz"))
    print("SAID" + json.dumps(list(heat.shape)))
