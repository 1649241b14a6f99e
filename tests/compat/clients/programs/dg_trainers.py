"""DG-TTA: writes its trainers, made for nnU-Net 2.2, into the installed package; one of them is made by its name."""

import json
import sys
from importlib import import_module
from pathlib import Path

import torch
from copied_package import use_copied_package

if __name__ == "__main__":
    root, out = map(Path, sys.argv[1:])
    package = use_copied_package(out.parent)
    from dg_tta.__build__ import check_trainers_injected, inject_dg_trainers_into_nnunet

    import nnunetv2
    from nnunetv2.utilities.find_class_by_name import recursive_find_python_class

    assert Path(nnunetv2.__path__[0]) == package
    inject_dg_trainers_into_nnunet(7)
    check_trainers_injected()
    model = next((root / "results").glob("*/*__*__*"))
    plans, dataset = (json.loads((model / name).read_text()) for name in ("plans.json", "dataset.json"))
    said = []
    for name in ("nnUNetTrainer_GIN", "nnUNetTrainer_GIN_MIND"):
        kind = getattr(import_module(f"nnunetv2.training.nnUNetTrainer.variants.dg_tta.{name}"), name)
        trainer = kind(plans, "3d_fullres", 0, dataset, device=torch.device("cpu"))
        *_, axes = trainer.configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        found = recursive_find_python_class(
            str(package / "training" / "nnUNetTrainer"), name, "nnunetv2.training.nnUNetTrainer"
        )
        assert found is kind
        said.append([kind.__name__, trainer.num_epochs, axes])
    print("SAID" + json.dumps(said))
