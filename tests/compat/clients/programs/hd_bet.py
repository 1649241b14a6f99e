"""HD-BET: one file in, one file and a mask out, with the fold `all`; it removes the three JSON files itself."""

import json
import sys
from pathlib import Path

import torch

if __name__ == "__main__":
    from HD_BET import hd_bet_prediction as client

    root, out = map(Path, sys.argv[1:])
    client.folder_with_parameter_files = str(next((root / "results").glob("*/*__*__*")))
    predictor = client.get_hdbet_predictor(use_tta=False, device=torch.device("cpu"))
    image = sorted((root / "images").iterdir())[0]
    client.hdbet_predict(str(image), str(out / "brain.nii.gz"), predictor, keep_brain_mask=True)
    print("SAID" + json.dumps(sorted(path.name for path in out.iterdir())))
