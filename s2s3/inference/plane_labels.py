"""The label image of a 2D image that is predicted in stripes."""

from collections.abc import Iterable

import numpy as np
import torch

from nnunetv2.inference.label_conversion import label_dtype, write_labels
from nnunetv2.inference.probability_rows import ProbabilityRows, StoredProbabilities
from nnunetv2.pathology.outputs.band_layout import Span
from nnunetv2.preprocessing.stored_plane import StoredPlane
from nnunetv2.utilities.label_handling.label_handling import LabelManager


def labels_of_plane(
    plane: StoredPlane,
    stripes: Iterable[tuple[Span, torch.Tensor]],
    label_manager: LabelManager,
    probabilities: StoredProbabilities | None = None,
) -> np.ndarray:
    """Return the labels (1, H, W) of the whole image, 0 outside of the part that was left after cropping.

    Parameters:
        stripes: rows of the plane and their logits, (K, rows, width) on the CPU.
        probabilities: the file that gets those of the whole image.
    """
    kept = None if probabilities is None else ProbabilityRows(probabilities, plane.box, label_manager.has_regions)
    labels = np.zeros(plane.images[0].shape[1:], dtype=label_dtype(label_manager))
    inside = labels[tuple(slice(first, end) for first, end in plane.box)]
    for (top, bottom), logits in stripes:
        part = None if kept is None else np.empty((len(logits), 1, *logits.shape[1:]), dtype=np.float32)
        write_labels(inside[:, top:bottom], logits[:, None].numpy(), label_manager, part)
        if kept is not None and part is not None:
            kept.write(top, part[:, 0])
    return labels
