"""Soft Dice losses and the counts behind them.

Logits `x` have the shape (B, C, *spatial); references `y` are label maps (B, 1, *spatial) or (B, *spatial), or
one-hot / region maps of x's shape; masks are (B, 1, *spatial) with 1 where a voxel counts. All sums are float32.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from nnunetv2.foundation.late_names import late_names

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(__name__, {"nnunetv2.utilities.ddp_allgather": ("AllGatherGrad",)})

Nonlinearity = Callable[[Tensor], Tensor]
DENOMINATOR_FLOOR = 1e-8


class SoftDiceLoss(nn.Module):
    """Minus the mean soft Dice over classes (and samples unless `batch_dice`), from true and false positives.

    The value lies in about [-1, 0]. A class absent from reference and prediction counts as smooth / smooth = 1, or as
    0 if `smooth` is 0.
    """

    def __init__(
        self,
        apply_nonlin: Nonlinearity | None = None,
        batch_dice: bool = False,
        do_bg: bool = True,
        smooth: float = 1.0,
        ddp: bool = True,
        clip_tp: float | None = None,
    ):
        super().__init__()
        self.apply_nonlin = apply_nonlin
        self.batch_dice = batch_dice
        self.do_bg = do_bg
        self.smooth = smooth
        self.ddp = ddp
        self.clip_tp = clip_tp

    def forward(self, x: Tensor, y: Tensor, loss_mask: Tensor | None = None) -> Tensor:
        """Return the scalar loss; without `do_bg` the first channel is left out."""
        if self.apply_nonlin is not None:
            x = self.apply_nonlin(x)
        tp, fp, fn, _ = get_tp_fp_fn_tn(x, y, mask=loss_mask)
        if self.batch_dice:
            tp, fp, fn = (sum_over_batch(count, self.ddp) for count in (tp, fp, fn))
        if self.clip_tp is not None:
            tp = tp.clamp(min=self.clip_tp)
        dice = smoothed_ratio(2 * tp, 2 * tp + fp + fn, self.smooth)
        return -_without_background(dice, self.do_bg, class_axis=-1).mean()


class MemoryEfficientSoftDiceLoss(nn.Module):
    """SoftDiceLoss computed from three sums, without maps of false positives and false negatives."""

    def __init__(
        self,
        apply_nonlin: Nonlinearity | None = None,
        batch_dice: bool = False,
        do_bg: bool = True,
        smooth: float = 1.0,
        ddp: bool = True,
    ):
        super().__init__()
        self.apply_nonlin = apply_nonlin
        self.batch_dice = batch_dice
        self.do_bg = do_bg
        self.smooth = smooth
        self.ddp = ddp

    def forward(self, x: Tensor, y: Tensor, loss_mask: Tensor | None = None) -> Tensor:
        """Return the scalar loss; without `do_bg` the first channel is left out."""
        if self.apply_nonlin is not None:
            x = self.apply_nonlin(x)
        sums = overlap_sums(x, y, loss_mask, self.do_bg)
        if self.batch_dice:
            sums = tuple(sum_over_batch(part, self.ddp) for part in sums)
        overlap, predicted, reference = sums
        return -smoothed_ratio(2 * overlap, predicted + reference, self.smooth).mean()


def overlap_sums(x: Tensor, y: Tensor, mask: Tensor | None, do_bg: bool) -> tuple[Tensor, ...]:
    """Sum x*y, x and y over space, each of shape (B, C), or (B, C - 1) without the background channel."""
    axes = spatial_axes(x)
    with torch.no_grad():
        reference = _without_background(as_one_hot(y, x), do_bg)
        if mask is not None:
            reference = reference * mask
        reference_sum = reference.sum(axes, dtype=torch.float32)
    x = _without_background(x, do_bg)
    overlap = (x * reference).sum(axes, dtype=torch.float32)
    predicted = (x if mask is None else x * mask).sum(axes, dtype=torch.float32)
    return overlap, predicted, reference_sum


def smoothed_ratio(numerator: Tensor, denominator: Tensor, smooth: float) -> Tensor:
    """Return (numerator + smooth) / max(denominator + smooth, 1e-8), element by element."""
    return (numerator + smooth) / (denominator + smooth).clamp(min=DENOMINATOR_FLOOR)


def sum_over_batch(counts: Tensor, ddp: bool) -> Tensor:
    """Sum (B, C) over the samples, with `ddp` over those of all ranks (B may differ from rank to rank)."""
    total = counts.sum(0)
    if ddp:
        from nnunetv2.utilities.ddp_allgather import AllGatherGrad

        total = AllGatherGrad.apply(total).sum(0)  # type: ignore[no-untyped-call]
    return total


def get_tp_fp_fn_tn(
    net_output: Tensor,
    gt: Tensor,
    axes: int | Sequence[int] | None = None,
    mask: Tensor | None = None,
    square: bool = False,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return soft true and false positives, false and true negatives.

    Parameters:
        net_output: probabilities or 0/1 maps (B, C, *spatial).
        axes: axes to sum over; the spatial axes if None, no sum if empty.
        mask: (B, 1, *spatial); voxels with 0 are not counted.
        square: sum the squares of the four maps.
    """
    axes = spatial_axes(net_output) if axes is None else axes
    with torch.no_grad():
        reference = as_one_hot(gt, net_output)
        absent = ~reference if reference.dtype == torch.bool else 1 - reference
    pairs = ((net_output, reference), (net_output, absent), (1 - net_output, reference), (1 - net_output, absent))
    tp, fp, fn, tn = (_summed(a * b, axes, mask, square) for a, b in pairs)
    return tp, fp, fn, tn


def _summed(product: Tensor, axes: int | Sequence[int], mask: Tensor | None, square: bool) -> Tensor:
    if mask is not None:
        product = product * mask
    if square:
        product = product**2
    if not isinstance(axes, int) and len(axes) == 0:
        return product
    return product.sum(axes if isinstance(axes, int) else tuple(axes), dtype=torch.float32)


def as_one_hot(y: Tensor, like: Tensor) -> Tensor:
    """Return `y` unchanged if it has the shape of `like`, otherwise the bool one-hot map of its labels."""
    if y.shape == like.shape:
        return y
    labels = y if y.ndim == like.ndim else y.unsqueeze(1)
    one_hot = torch.zeros(like.shape, dtype=torch.bool, device=like.device)
    return one_hot.scatter_(1, labels.long(), True)


def spatial_axes(x: Tensor) -> tuple[int, ...]:
    """Return the axes after batch and channel."""
    return tuple(range(2, x.ndim))


def _without_background(x: Tensor, do_bg: bool, class_axis: int = 1) -> Tensor:
    return x if do_bg else x.narrow(class_axis, 1, x.shape[class_axis] - 1)
