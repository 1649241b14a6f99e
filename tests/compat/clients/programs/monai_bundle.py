"""MONAI: a model becomes a bundle, the bundle predicts, and becomes a model again, which predicts."""

import json
import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch

CONFIGURATION = {"dataset_name_or_id": "777"}

if __name__ == "__main__":
    from monai.apps.nnunet import ModelnnUNetWrapper
    from monai.apps.nnunet.nnunet_bundle import convert_monai_bundle_to_nnunet, convert_nnunet_to_monai_bundle
    from monai.data import MetaTensor

    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    root, out = map(Path, sys.argv[1:])
    said = {}

    def predictor():
        return nnUNetPredictor(device=torch.device("cpu"), use_mirroring=False, allow_tqdm=False)

    def export():
        (bundle / "models").mkdir(parents=True)
        convert_nnunet_to_monai_bundle(CONFIGURATION, str(bundle), 0)
        return sorted(path.name for path in (bundle / "models" / "fold_0").iterdir())

    def wrap():
        wrapper = ModelnnUNetWrapper(predictor(), str(bundle / "models" / "fold_0"))
        image = sitk.GetArrayFromImage(sitk.ReadImage(str(sorted((root / "images").iterdir())[0])))
        pixdim = torch.tensor([[1.0, 1.5, 1.0, 1.0]])
        labels = wrapper(MetaTensor(torch.from_numpy(image)[None, None], meta={"pixdim": pixdim}))
        array = np.asarray(labels)[0, 0].astype(np.uint8)
        sitk.WriteImage(sitk.GetImageFromArray(array), str(out / "wrapped.nii.gz"))
        return list(array.shape)

    def back():
        weights = torch.load(bundle / "models" / "fold_0" / "model.pt", weights_only=True)
        for name in ("checkpoint_epoch=3", "checkpoint_key_metric=0.5"):
            torch.save({**weights, "optimizer_state": {}}, bundle / "models" / "fold_0" / f"{name}.pt")
        convert_monai_bundle_to_nnunet(CONFIGURATION, str(bundle), 0)
        model = next((root / "results").glob("*/*__*__*"))
        again = predictor()
        again.initialize_from_trained_model_folder(str(model), (0,))
        again.predict_from_files(
            str(root / "images"), str(out / "again"), num_processes_preprocessing=1, num_processes_segmentation_export=1
        )
        return sorted(path.name for path in (out / "again").glob("*.nii.gz"))

    bundle = out.parent / "bundle"
    for attempt in (export, wrap, back):
        try:
            said[attempt.__name__] = attempt()
        except Exception as error:
            said[attempt.__name__] = f"{type(error).__name__}: {error}"
    print("SAID" + json.dumps(said))
