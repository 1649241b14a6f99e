"""A sample to augment, and figures by which many augmented ones are compared."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

LEAST_P = 1e-3
CASCADE = {"is_cascaded": True, "foreground_labels": [1, 2]}
MASK = {"use_mask_for_norm": [False, True]}
REGIONS = {"regions": [(1, 2), 2], "ignore_label": 3}


def blobs(size: tuple[int, ...], channels: int, previous: bool) -> dict[str, Tensor]:
    """An asymmetric image with labels 0 to 2 and a margin of -1; with the previous stage, two label channels."""
    axes = torch.meshgrid(*[torch.linspace(-1, 1, length) for length in size], indexing="ij")
    labels = ((axes[0] + 0.5 * axes[-1]) > 0.2).short() + ((axes[-1] - 0.3) > 0.3 * axes[0]).short()
    labels[..., : max(1, size[-1] // 12)] = -1
    image = torch.stack([axes[0] * (1 + number) + torch.sin(9 * axes[-1]) + number for number in range(channels)])
    segmentation = torch.stack([labels, labels.roll(2, -1)]) if previous else labels[None]
    return {"image": image, "segmentation": segmentation}


def figures_of(samples: Iterable[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Return figures of augmented samples: moments, roughness and position of images, counts and position of labels."""
    rows = []
    for sample in samples:
        image, labels = sample["image"].double(), sample["segmentation"][0][0].double()
        row = {
            "mean": image[0].mean(),
            "deviation": image.std(),
            "lowest": image.min(),
            "highest": image.max(),
            "skewness": ((image - image.mean()) ** 3).mean(),
            "roughness": image.diff(dim=-1).square().mean(),
            "difference of channels": (image[0] - image[-1]).std(),
            "corner": image[0].flatten()[0],
            "balance along the first axis": image[0, : image.shape[1] // 2].mean() - image[0].mean(),
            "balance along the last axis": image[0, ..., : image.shape[-1] // 2].mean() - image[0].mean(),
            "share of label 1": (labels == 1).double().mean(),
            "share of label 2": (labels == 2).double().mean(),
            "labels along the last axis": labels[..., : labels.shape[-1] // 2].mean(),
            "labels at a low scale": sample["segmentation"][-1].double().mean(),
        }
        rows.append(row)
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
