"""How far two maps are apart, over their valid pixels."""

from torch import Tensor

from nnunetv2.boundary.long_range import long_range


def error_with_long_range(
    predicted: Tensor, wanted: Tensor, valid: Tensor | None, long_range_weight: float, tau: float, bins: int
) -> Tensor:
    """Return MSE(x, y) + long_range_weight * MSE(LR(x; y), y) of maps x = `predicted`, y = `wanted` (M, *S), (M,)."""
    averaged = long_range(predicted, wanted, valid, tau, bins)
    error = masked_square_error(predicted, wanted, valid)
    return error + long_range_weight * masked_square_error(averaged, wanted, valid)


def masked_square_error(first: Tensor, second: Tensor, valid: Tensor | None) -> Tensor:
    """Return the mean squared difference of maps (M, *S) over their valid pixels, (M,); 0 if there are none."""
    return masked_mean((first - second) ** 2, valid)


def masked_mean(values: Tensor, valid: Tensor | None) -> Tensor:
    """Return the mean of maps (M, *S) over their valid pixels, (M,); 0 if there are none."""
    if valid is None:
        return values.flatten(1).mean(dim=1)
    weights = valid.to(values).flatten(1)
    return (values.flatten(1) * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
