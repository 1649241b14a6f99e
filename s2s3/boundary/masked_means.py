"""Means over valid pixels."""

from torch import Tensor


def masked_square_error(first: Tensor, second: Tensor, valid: Tensor | None) -> Tensor:
    """Return the mean squared difference of maps (M, *S) over their valid pixels, (M,); 0 if there are none."""
    return masked_mean((first - second) ** 2, valid)


def masked_mean(values: Tensor, valid: Tensor | None) -> Tensor:
    """Return the mean of maps (M, *S) over their valid pixels, (M,); 0 if there are none."""
    if valid is None:
        return values.flatten(1).mean(dim=1)
    weights = valid.to(values).flatten(1)
    return (values.flatten(1) * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
