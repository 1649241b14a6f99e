"""Dice plus cross entropy: the losses that nnU-Net trains with."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nnunetv2.errors import CallError
from nnunetv2.training.loss.dice import MemoryEfficientSoftDiceLoss, SoftDiceLoss
from nnunetv2.training.loss.robust_ce_loss import RobustCrossEntropyLoss, TopKLoss
from nnunetv2.utilities.helpers import softmax_helper_dim1


class _LabelMapLoss(nn.Module):
    """weight_dice * Dice + weight_ce * pixel-wise loss, for mutually exclusive labels.

    Ignored voxels count in neither term; if a batch has no other voxels, the pixel-wise term is 0. A term of weight 0
    is not computed.
    """

    def __init__(self, dc: nn.Module, ce: nn.Module, weight_dice: float, weight_ce: float, ignore_label: int | None):
        super().__init__()
        self.dc = dc
        self.ce = ce
        self.weight_dice = weight_dice
        self.weight_ce = weight_ce
        self.ignore_label = ignore_label

    def forward(self, net_output: Tensor, target: Tensor) -> Tensor:
        """Return the scalar loss for logits (B, C, *spatial) and labels (B, 1, *spatial)."""
        mask = None if self.ignore_label is None else self._annotated(target, self.ignore_label)
        loss = net_output.new_zeros(())
        if self.weight_dice != 0:
            labels = target if mask is None else torch.where(mask, target, 0)
            loss = loss + self.weight_dice * self.dc(net_output, labels, loss_mask=mask)
        if self.weight_ce != 0 and (mask is None or mask.any()):
            loss = loss + self.weight_ce * self.ce(net_output, target)
        return loss

    def _annotated(self, target: Tensor, ignore_label: int) -> Tensor:
        if target.shape[1] != 1:
            raise CallError(f"an ignore label needs a target with one channel, got shape {tuple(target.shape)}")
        return torch.ne(target, ignore_label)


class DC_and_CE_loss(_LabelMapLoss):
    """Soft Dice on the softmax plus cross entropy; the dictionaries are passed to the two losses, not changed."""

    def __init__(
        self,
        soft_dice_kwargs: Mapping[str, Any],
        ce_kwargs: Mapping[str, Any],
        weight_ce: float = 1,
        weight_dice: float = 1,
        ignore_label: int | None = None,
        dice_class: type[nn.Module] = SoftDiceLoss,
    ):
        dice = dice_class(apply_nonlin=softmax_helper_dim1, **soft_dice_kwargs)
        cross_entropy = RobustCrossEntropyLoss(**_with_ignore_index(ce_kwargs, ignore_label))
        super().__init__(dice, cross_entropy, weight_dice, weight_ce, ignore_label)


class DC_and_topk_loss(_LabelMapLoss):
    """Soft Dice on the softmax plus the cross entropy of the hardest voxels."""

    def __init__(
        self,
        soft_dice_kwargs: Mapping[str, Any],
        ce_kwargs: Mapping[str, Any],
        weight_ce: float = 1,
        weight_dice: float = 1,
        ignore_label: int | None = None,
    ):
        dice = SoftDiceLoss(apply_nonlin=softmax_helper_dim1, **soft_dice_kwargs)
        top_k = TopKLoss(**_with_ignore_index(ce_kwargs, ignore_label))
        super().__init__(dice, top_k, weight_dice, weight_ce, ignore_label)


class DC_and_BCE_loss(nn.Module):
    """Soft Dice on the sigmoid plus binary cross entropy, for regions that may overlap.

    With `use_ignore_label` the last channel of the target is 1 where a voxel is ignored. The cross entropy is then
    summed over voxels and channels and divided by the number of voxels that count, so it exceeds the plain mean
    used otherwise by a factor of the number of regions (as in nnU-Net).
    """

    def __init__(
        self,
        bce_kwargs: Mapping[str, Any],
        soft_dice_kwargs: Mapping[str, Any],
        weight_ce: float = 1,
        weight_dice: float = 1,
        use_ignore_label: bool = False,
        dice_class: type[nn.Module] = MemoryEfficientSoftDiceLoss,
    ):
        super().__init__()
        self.weight_dice = weight_dice
        self.weight_ce = weight_ce
        self.use_ignore_label = use_ignore_label
        reduction = {"reduction": "none"} if use_ignore_label else {}
        self.ce = nn.BCEWithLogitsLoss(**{**bce_kwargs, **reduction})
        self.dc = dice_class(apply_nonlin=torch.sigmoid, **soft_dice_kwargs)

    def forward(self, net_output: Tensor, target: Tensor) -> Tensor:
        """Return the scalar loss for logits (B, R, *spatial) and regions (B, R, *spatial) [+ ignore channel]."""
        if not self.use_ignore_label:
            cross_entropy = self.ce(net_output, target.float())
            return self.weight_ce * cross_entropy + self.weight_dice * self.dc(net_output, target)
        regions, mask = target[:, :-1], target[:, -1:] == 0
        dice = self.dc(net_output, regions, loss_mask=mask)
        voxel_losses = self.ce(net_output, regions.float()) * mask
        cross_entropy = voxel_losses.sum() / mask.sum(dtype=torch.float32).clamp(min=1e-8)
        return self.weight_ce * cross_entropy + self.weight_dice * dice


def _with_ignore_index(options: Mapping[str, Any], ignore_label: int | None) -> dict[str, Any]:
    return dict(options) if ignore_label is None else {**options, "ignore_index": ignore_label}
