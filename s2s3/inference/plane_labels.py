"""The label image of a 2D image that is predicted in stripes."""

from collections.abc import Iterable

import numpy as np
import torch

from nnunetv2.inference.label_conversion import label_dtype, write_labels
from nnunetv2.pathology.outputs.band_layout import Span
from nnunetv2.preprocessing.stored_plane import StoredPlane
from nnunetv2.utilities.label_handling.label_handling import LabelManager


def labels_of_plane(
    plane: StoredPlane, stripes: Iterable[tuple[Span, torch.Tensor]], label_manager: LabelManager
) -> np.ndarray:
    """Return the labels (1, H, W) of the whole image, 0 outside of the part that was left after cropping.

    Parameters:
        stripes: rows of the plane and their logits, (K, rows, width) on the CPU.
    """
    labels = np.zeros(plane.images[0].shape[1:], dtype=label_dtype(label_manager))
    inside = labels[tuple(slice(first, end) for first, end in plane.box)]
    for (top, bottom), logits in stripes:
        write_labels(inside[:, top:bottom], logits[:, None].numpy(), label_manager)
    return labels
