"""TotalSpineSeg: folds as text, folders as Path, probabilities saved."""

import json
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import torch

if __name__ == "__main__":
    root, out = map(Path, sys.argv[1:])
    place = Path(find_spec("totalspineseg").origin).parent / "utils" / "predict_nnunet.py"
    spec = spec_from_file_location("predict_nnunet", place)
    client = module_from_spec(spec)
    spec.loader.exec_module(client)
    model = next((root / "results").glob("*/*__*__*"))
    client.predict_nnunet(
        model, root / "images", out, torch.device("cpu"), folds=("0",), save_probabilities=True, npp=1, nps=1
    )
    print("SAID" + json.dumps(sorted(path.name for path in out.iterdir())))
