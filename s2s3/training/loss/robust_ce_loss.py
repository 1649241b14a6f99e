"""Cross entropy that takes nnU-Net's targets: a channel axis of one, any integer or float type."""

import torch
from torch import Tensor, nn


class RobustCrossEntropyLoss(nn.CrossEntropyLoss):
    """torch's cross entropy for logits (B, C, *spatial) and labels (B, *spatial) or (B, 1, *spatial) of any type.

    The mean over ignored voxels only is NaN, as in torch.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss, reduced as the constructor says."""
        if target.ndim == input.ndim:
            target = target.squeeze(1)
        return super().forward(input, target.long())


class TopKLoss(RobustCrossEntropyLoss):
    """Mean cross entropy of the hardest k percent of all voxels of the batch.

    Ignored voxels have a loss of 0 but count for the number that k percent means. With too few voxels for one
    (`int(N * k / 100) == 0`) the loss is NaN.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        k: float = 10,
        label_smoothing: float = 0,
    ):
        self.k = k
        super().__init__(weight, ignore_index=ignore_index, reduction="none", label_smoothing=label_smoothing)

    def forward(self, inp: Tensor, target: Tensor) -> Tensor:
        """Return the scalar loss for logits (B, C, *spatial) and labels (B, 1, *spatial)."""
        losses = super().forward(inp, target).flatten()
        hardest, _ = torch.topk(losses, int(losses.numel() * self.k / 100), sorted=False)
        return hardest.mean()
