"""L_skeleton: the disagreement of thin lines in prediction and target (method, section 2.2)."""

from torch import Tensor
from torch.nn import functional

from nnunetv2.boundary.map_errors import error_with_long_range


def thin_lines(maps: Tensor, valid: Tensor | None = None) -> Tensor:
    """Return e(x) = x - erode3x3(x), grey erosion: how far each pixel exceeds the minimum of its neighbourhood.

    Parameters:
        maps: (M, *S) with two or three spatial axes, values in [0, 1].
        valid: (M, *S) bool; invalid pixels are 0 in the result and erode nothing. None: all are valid.
    """
    filled = maps if valid is None else maps.masked_fill(~valid, 1.0)
    lines = maps - _erode(filled)
    return lines if valid is None else lines.masked_fill(~valid, 0.0)


def skeleton_loss(
    prediction: Tensor, target: Tensor, valid: Tensor | None, long_range_weight: float, tau: float, bins: int
) -> Tensor:
    """Return MSE(e(p), e(g)) + long_range_weight * MSE(LR(e(p); e(g)), e(g)) for each map, (M,)."""
    predicted, wanted = thin_lines(prediction, valid), thin_lines(target, valid)
    return error_with_long_range(predicted, wanted, valid, long_range_weight, tau, bins)


def _erode(maps: Tensor) -> Tensor:
    pool = functional.max_pool2d if maps.dim() == 3 else functional.max_pool3d
    eroded: Tensor = -pool(-maps[:, None], kernel_size=3, stride=1, padding=1)[:, 0]
    return eroded
