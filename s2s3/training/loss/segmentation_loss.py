"""The default loss of a training, and the weights of the decoder's outputs."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from nnunetv2.training.loss.compound_losses import DC_and_BCE_loss, DC_and_CE_loss
from nnunetv2.training.loss.deep_supervision import DeepSupervisionWrapper
from nnunetv2.training.loss.dice import MemoryEfficientSoftDiceLoss

SMOOTH = 1e-5
NEGLIGIBLE_WEIGHT = 1e-6
"""Too small to change the training, but its output gets a gradient."""


def segmentation_loss(
    *,
    has_regions: bool,
    ignore_label: int | None,
    batch_dice: bool,
    ddp: bool,
    smooth: float = SMOOTH,
    dice_of_background: bool = False,
    label_loss: Callable[..., Any] = DC_and_CE_loss,
    region_loss: Callable[..., Any] = DC_and_BCE_loss,
    dice_class: type[nn.Module] = MemoryEfficientSoftDiceLoss,
) -> Any:
    """Return Dice plus (binary) cross entropy, both of weight 1.

    Parameters:
        has_regions: the classes may overlap; every channel then counts in the Dice, whatever `dice_of_background` is.
        dice_of_background: the Dice of label maps includes the background (method, section 2.2).
        label_loss, region_loss, dice_class: the classes to use.
    """
    dice_options = {"batch_dice": batch_dice, "smooth": smooth, "ddp": ddp}
    if has_regions:
        return region_loss(
            {},
            {**dice_options, "do_bg": True},
            use_ignore_label=ignore_label is not None,
            dice_class=dice_class,
        )
    return label_loss(
        {**dice_options, "do_bg": dice_of_background},
        {},
        weight_ce=1,
        weight_dice=1,
        ignore_label=ignore_label,
        dice_class=dice_class,
    )


def deep_supervision_weights(num_outputs: int, last_weight: float = 0.0) -> tuple[float, ...]:
    """Return 1, 1/2, 1/4, ... with the last one replaced by `last_weight`, divided by their sum.

    By default the lowest resolution is not trained, unless it is the only one.
    """
    weights = [2.0**-i for i in range(num_outputs)]
    if num_outputs > 1:
        weights[-1] = last_weight
    total = sum(weights)
    return tuple(weight / total for weight in weights)


def output_weights(
    scales: Sequence[Sequence[float]] | None, *, ddp: bool, compiled: bool = False
) -> tuple[float, ...] | None:
    """Return the weight of the loss of each output of deep supervision; None without scales (no deep supervision).

    DDP without compilation fails on parameters without a gradient, so the last output then gets a negligible weight.
    """
    if scales is None:
        return None
    return deep_supervision_weights(len(scales), NEGLIGIBLE_WEIGHT if ddp and not compiled else 0.0)


def supervise_deeply(
    loss: nn.Module,
    scales: Sequence[Sequence[float]] | None,
    *,
    ddp: bool,
    compiled: bool = False,
    wrapper: Callable[..., nn.Module] = DeepSupervisionWrapper,
) -> nn.Module:
    """Put `loss` into a `wrapper` for outputs at `scales`; None (no deep supervision) returns it as it is."""
    weights = output_weights(scales, ddp=ddp, compiled=compiled)
    return loss if weights is None else wrapper(loss, weights)


def compile_dice(loss: nn.Module) -> nn.Module:
    """Compile the Dice part of a compound loss in place and return the loss."""
    dice = getattr(loss, "dc", None)
    if isinstance(dice, nn.Module):
        dice.compile()
    return loss
