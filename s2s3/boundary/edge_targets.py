"""The targets of the edge heads: the edges of every class in the label map (method, section 2.2)."""

from collections.abc import Sequence

import torch
from torch import Tensor

ClassLabels = int | tuple[int, ...]


def edge_targets(
    labels: Tensor, classes: Sequence[ClassLabels], ignore_label: int | None = None
) -> tuple[Tensor, Tensor]:
    """Return the edges of each class, and which pixels are valid.

    The edge of a mask is where dilation and erosion by 3 x 3 (3 x 3 x 3) differ. Masks are replicated beyond the image
    border, so the border is not an edge. An ignored pixel is not an edge and creates none nearby.

    Parameters:
        labels: label map (B, 1, *S) of any number type.
        classes: K entries, each a label or the labels of a region.

    Returns edges (B, K, *S) as float 0 or 1, and valid (B, 1, *S) as bool, False for ignored pixels.
    """
    masks = torch.cat([_is_among(labels, entry) for entry in classes], dim=1)
    valid = torch.ones_like(labels, dtype=torch.bool) if ignore_label is None else labels != ignore_label
    return _edges(masks, valid), valid


def edge_targets_from_regions(regions: Tensor, has_ignore: bool) -> tuple[Tensor, Tensor]:
    """Return the same as `edge_targets` from region masks.

    Parameters:
        regions: masks (B, K, *S), bool or 0 and 1; with `has_ignore` (B, K + 1, *S), the last marks ignored pixels.
    """
    masks = regions > 0
    if not has_ignore:
        return _edges(masks, valid := torch.ones_like(masks[:, :1])), valid
    valid = ~masks[:, -1:]
    return _edges(masks[:, :-1], valid), valid


def _is_among(labels: Tensor, entry: ClassLabels) -> Tensor:
    members = entry if isinstance(entry, tuple) else (entry,)
    mask = labels == members[0]
    for label in members[1:]:
        mask = mask | (labels == label)
    return mask


def _edges(masks: Tensor, valid: Tensor) -> Tensor:
    """Return dilation XOR erosion, both computed as if ignored pixels did not exist."""
    grown = _grow(masks & valid)
    eroded = ~_grow(~masks & valid)
    return ((grown ^ eroded) & valid).float()


def _grow(masks: Tensor) -> Tensor:
    """Dilate by one pixel along every spatial axis, diagonals included."""
    for axis in range(2, masks.dim()):
        grown = masks.clone()
        rest = masks.shape[axis] - 1
        grown.narrow(axis, 1, rest).logical_or_(masks.narrow(axis, 0, rest))
        grown.narrow(axis, 0, rest).logical_or_(masks.narrow(axis, 1, rest))
        masks = grown
    return masks
