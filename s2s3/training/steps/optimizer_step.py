"""The parts of a training step."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

MAX_GRADIENT_NORM = 12


def to_device(batch: dict[str, Any], device: torch.device) -> tuple[Tensor, Any]:
    """Return image and target of a batch on the device; with deep supervision the target is a list over scales."""
    data, target = batch["data"].to(device, non_blocking=True), batch["target"]
    if isinstance(target, list):
        return data, [scale.to(device, non_blocking=True) for scale in target]
    return data, target.to(device, non_blocking=True)


def automatic_precision(
    device: torch.device,
    autocast: Callable[..., AbstractContextManager[Any]] = torch.autocast,
    unchanged: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> AbstractContextManager[Any]:
    """Return the context of the forward pass: mixed precision on CUDA, unchanged elsewhere."""
    return autocast(device.type, enabled=True) if device.type == "cuda" else unchanged()


def descend(
    loss: Tensor, network: nn.Module, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler | None
) -> None:
    """Backpropagate the loss, clip the norm of all gradients to 12 and step; with a scaler, through it."""
    if scaler is None:
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), MAX_GRADIENT_NORM)
        optimizer.step()
        return
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(network.parameters(), MAX_GRADIENT_NORM)
    scaler.step(optimizer)
    scaler.update()
