"""The folder of a predicted slide, made without a prediction."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nnunetv2.pathology.outputs.label_pyramid import PyramidDescription, write_label_pyramid
from tests.pathology.annotations.label_maps import blobs

CLASSES = {"outer": 1, "inner ring": 2, "rare": 3}
SIZE = (260, 340)


def write_predicted_slide(folder: Path, **entries: Any) -> np.ndarray:
    """Write state, labels, thumbnail and measurements of a slide; return its labels."""
    folder.mkdir(parents=True)
    labels = blobs(*SIZE, seed=3)

    def read(top: int, left: int, height: int, width: int) -> np.ndarray:
        return labels[top : top + height, left : left + width]

    description = PyramidDescription("s", {"background": 0, **CLASSES}, "tiny", (1.1, 1.1))
    write_label_pyramid(read, *SIZE, np.uint8, description, folder / "labels.ome.tif")
    Image.fromarray(np.full((*SIZE, 3), 220, np.uint8)).save(folder / "thumbnail.png")
    state = {
        "slide": "s",
        "state": "done",
        "attempts": 1,
        "model": {"name": "tiny", "hash": "77ab"},
        "mpp": [0.5, 0.5],
        "view": {"downsample": 2.0, "factor": [1.1, 1.1], "width": SIZE[1], "height": SIZE[0], "mpp": [1.1, 1.1]},
        "tissue": {"share": 0.5, "mm2": 0.05},
        "read": {"unread": [[16, 32, 40, 8]]},
        **entries,
    }
    (folder / "state.json").write_text(json.dumps(state))
    measured = {"tissue_mm2": 0.05, "classes": [], "ratios": {}, "tiles": {"total": 9, "gated": 4}}
    (folder / "measurements.json").write_text(json.dumps(measured))
    return labels
