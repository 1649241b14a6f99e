"""Linear warm-up, and schedules that start after one."""

import math

from torch.optim import Optimizer

from nnunetv2.training.lr_scheduler.polylr import SteppedLRScheduler, polynomial_decay


class Lin_incr_LRScheduler(SteppedLRScheduler):
    """Rise from max_lr / max_steps at step 0 to max_lr at step max_steps - 1."""

    def __init__(self, optimizer: Optimizer, max_lr: float, max_steps: int, current_step: int | None = None):
        self.max_lr = max_lr
        self.max_steps = max_steps
        super().__init__(optimizer, current_step)

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        return self.max_lr / self.max_steps * (1 + step)


class Lin_incr_offset_LRScheduler(SteppedLRScheduler):
    """Lin_incr_LRScheduler that counts from `start_step`; earlier steps extrapolate below zero."""

    def __init__(
        self, optimizer: Optimizer, max_lr: float, max_steps: int, start_step: int, current_step: int | None = None
    ):
        self.max_lr = max_lr
        self.max_steps = max_steps
        self.start_step = start_step
        super().__init__(optimizer, current_step)

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        return self.max_lr / self.max_steps * (1 + step - self.start_step)


class PolyLRScheduler_offset(SteppedLRScheduler):
    """initial_lr until `start_step`, then a polynomial decay that reaches zero at max_steps."""

    def __init__(
        self,
        optimizer: Optimizer,
        initial_lr: float,
        max_steps: int,
        start_step: int,
        exponent: float = 0.9,
        current_step: int | None = None,
    ):
        self.initial_lr = initial_lr
        self.max_steps = max_steps - start_step
        self.start_step = start_step
        self.exponent = exponent
        super().__init__(optimizer, current_step)

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        return polynomial_decay(self.initial_lr, max(0, step - self.start_step), self.max_steps, self.exponent)


class CosineAnnealingLR_offset(SteppedLRScheduler):
    """The optimizer's rate until step `offset`, then half a cosine down to `eta_min` at step T_max.

    The rate of the first parameter group is annealed and set for all groups. `verbose` is ignored.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_max: int,
        eta_min: float = 0,
        last_epoch: int = -1,
        verbose: str = "deprecated",
        offset: int = 0,
    ):
        self.initial_lr = optimizer.param_groups[0].get("initial_lr", optimizer.param_groups[0]["lr"])
        self.T_max = T_max
        self.eta_min = eta_min
        self.offset = offset
        super().__init__(optimizer, None if last_epoch == -1 else last_epoch)

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        progress = max(0, step - self.offset) / (self.T_max - self.offset)
        return self.eta_min + (self.initial_lr - self.eta_min) * (1 + math.cos(math.pi * progress)) / 2
