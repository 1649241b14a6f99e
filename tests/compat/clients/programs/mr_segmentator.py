"""MRSegmentator: predictions of arrays, whole and split into two volumes."""

import json
import os
import sys
from pathlib import Path

if __name__ == "__main__":
    root, out = map(Path, sys.argv[1:])
    os.environ["MRSEG_WEIGHTS_PATH"] = str(next((root / "results").glob("*/*__*__*")))
    from mrsegmentator.inference import infer

    images = [str(image) for image in sorted((root / "images").iterdir())]
    infer(images, str(out), folds=(0,), cpu_only=True, nproc=1, nproc_export=1)
    infer(images[:1], str(out / "split"), folds=(0, 1), cpu_only=True, split_level=1)
    print("SAID" + json.dumps(sorted(path.name for path in out.iterdir())))
