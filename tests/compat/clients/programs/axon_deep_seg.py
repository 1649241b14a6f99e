"""AxonDeepSeg: a microscopy picture becomes a mask for each class, with an argument of nnU-Net 2.2."""

import json
import shutil
import sys
from pathlib import Path

if __name__ == "__main__":
    from AxonDeepSeg.apply_model import axon_segmentation

    root, out = map(Path, sys.argv[1:])
    picture = Path(shutil.copy(root / "pictures" / "nerve.png", out))
    axon_segmentation([picture], root / "png_model", model_type="light", gpu_id=-1)
    print("SAID" + json.dumps(sorted(path.name for path in out.glob("*.png"))))
