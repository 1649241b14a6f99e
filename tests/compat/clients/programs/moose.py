"""MOOSE: a trainer copied into the installed package, and a plain iterator of cases that it prepared itself."""

import json
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from copied_package import use_copied_package

if __name__ == "__main__":
    root, out = map(Path, sys.argv[1:])
    package = use_copied_package(out.parent)
    client = Path(find_spec("moosez").origin).parent  # not imported: that needs packages for PET and the terminal
    source = client / "nnUNet_custom_trainer" / "MOOSE_custom_trainers.py"
    shutil.copy(source, package / "training" / "nnUNetTrainer" / "variants" / source.name)
    import nnunetv2
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.utilities.find_class_by_name import recursive_find_python_class

    assert Path(nnunetv2.__path__[0]) == package
    model = next((root / "results").glob("*/*__*__*"))
    plans, dataset = (json.loads((model / name).read_text()) for name in ("plans.json", "dataset.json"))
    predictor = nnUNetPredictor(allow_tqdm=False, device=torch.device("cpu"))
    predictor.initialize_from_trained_model_folder(str(model), (0,))
    preprocessor = predictor.configuration_manager.preprocessor_class(verbose=False)

    def cases():
        for number, file in enumerate(sorted((root / "images").iterdir())):
            image = sitk.GetArrayFromImage(sitk.ReadImage(str(file)))[None].astype(np.float32)
            data, _, properties = preprocessor.run_case_npy(
                image,
                None,
                {"spacing": [1.5, 1.0, 1.0]},
                predictor.plans_manager,
                predictor.configuration_manager,
                predictor.dataset_json,
            )
            item = {"data": torch.from_numpy(data), "data_properties": properties, "ofile": None}
            yield {**item, "location": (number,)}

    for number, labels in enumerate(predictor.predict_from_data_iterator(cases(), False, 1)):
        sitk.WriteImage(sitk.GetImageFromArray(labels), str(out / f"{number}.nii.gz"))
    from nnunetv2.training.nnUNetTrainer.variants.MOOSE_custom_trainers import nnUNetTrainer_2000_epochs_DA5NoMirroring

    trainer = nnUNetTrainer_2000_epochs_DA5NoMirroring(plans, "3d_fullres", 0, dataset, device=torch.device("cpu"))
    trainer.configure_rotation_dummyDA_mirroring_and_inital_patch_size()
    found = recursive_find_python_class(
        str(package / "training" / "nnUNetTrainer"),
        "nnUNetTrainer_2000_epochs_DA5NoMirroring",
        "nnunetv2.training.nnUNetTrainer",
    )
    assert found is nnUNetTrainer_2000_epochs_DA5NoMirroring
    print("SAID" + json.dumps([trainer.num_epochs, trainer.inference_allowed_mirroring_axes]))
