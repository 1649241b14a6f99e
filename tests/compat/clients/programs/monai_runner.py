"""MONAI's runner: from a list of images to a preprocessed dataset, and a trainer on the CPU."""

import json
import shutil
import sys
from pathlib import Path

import yaml

if __name__ == "__main__":
    from monai.apps.nnunet import nnUNetV2Runner
    from monai.apps.nnunet.nnunet_bundle import get_nnunet_trainer

    root, out = map(Path, sys.argv[1:])
    raw = root / "raw" / "Dataset777_Client"
    listed = [
        {"fold": 0, "image": f"imagesTr/case_{number}_0000.nii.gz", "label": f"labelsTr/case_{number}.nii.gz"}
        for number in range(5)
    ]
    (root / "list.json").write_text(json.dumps({"training": listed, "testing": [{"image": listed[0]["image"]}]}))
    work = root / "work"
    configuration = {
        "modality": "MRI",
        "datalist": str(root / "list.json"),
        "dataroot": str(raw),
        "nnunet_preprocessed": str(work / "preprocessed"),
        "nnunet_raw": str(work / "raw"),
        "nnunet_results": str(work / "results"),
        "dataset_name_or_id": 778,
    }
    (root / "input.yaml").write_text(yaml.safe_dump(configuration))
    runner = nnUNetV2Runner(input_config=str(root / "input.yaml"), work_dir=str(work))
    runner.convert_dataset()
    runner.extract_fingerprints(npfp=1)
    runner.plan_experiments()
    runner.preprocess(c=("3d_fullres",), n_proc=(1,))
    (preprocessed,) = (work / "preprocessed").iterdir()
    ours = root / "preprocessed" / "Dataset777_Client" / "nnUNetPlans.json"
    written = json.loads((preprocessed / "nnUNetPlans.json").read_text())
    shrunk = json.loads(ours.read_text())["configurations"]["3d_fullres"]
    plan = written["configurations"]["3d_fullres"]
    said = {"patch": plan["patch_size"], "files": sorted(path.name for path in preprocessed.iterdir())}
    plan.update({key: shrunk[key] for key in ("patch_size", "architecture", "batch_size")})
    (preprocessed / "nnUNetPlans.json").write_text(json.dumps(written))
    shutil.copytree(preprocessed, root / "preprocessed" / preprocessed.name, dirs_exist_ok=True)
    trainer = get_nnunet_trainer(778, "3d_fullres", 0, device="cpu")
    print("SAID" + json.dumps({**said, "device": str(trainer.device)}))
