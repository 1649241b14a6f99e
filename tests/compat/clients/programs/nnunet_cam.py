"""nnunetv2-cam: heat maps through the preprocessing iterator, the sliding window and the uncropping of nnU-Net."""

import json
import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch

if __name__ == "__main__":
    from nnunetv2_cam.api import run_cam_for_prediction

    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    root, out = map(Path, sys.argv[1:])
    predictor = nnUNetPredictor(device=torch.device("cpu"), use_mirroring=False, allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(next((root / "results").glob("*/*__*__*"))), (0,))
    image = str(sorted((root / "images").iterdir())[0])
    maps = run_cam_for_prediction(
        predictor, [image], str(out), "encoder.stages.1", device=torch.device("cpu"), cam_type="3d", save_slices=False
    )
    for number, values in enumerate(maps):
        rounded = np.round(np.asarray(values, np.float32), 2)
        sitk.WriteImage(sitk.GetImageFromArray(rounded), str(out / f"{number}.nii.gz"))
    print("SAID" + json.dumps([list(np.shape(values)) for values in maps]))
