"""Cross entropy for nnU-Net's targets: a channel axis of length 1, any integer or float type."""

import torch
from torch import Tensor, nn


class RobustCrossEntropyLoss(nn.CrossEntropyLoss):
    """torch's cross entropy for logits (B, C, *spatial) and labels (B, *spatial) or (B, 1, *spatial) of any type.

    If all voxels are ignored, the mean is NaN, as in torch.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss with the constructor's reduction."""
        if target.ndim == input.ndim:
            target = target.squeeze(1)
        return super().forward(input, target.long())


class TopKLoss(RobustCrossEntropyLoss):
    """Mean cross entropy of the hardest k percent of all voxels of the batch.

    The k percent are taken of all N voxels, including ignored ones, whose loss is 0. With `int(N * k / 100) == 0` the
    loss is NaN.
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
