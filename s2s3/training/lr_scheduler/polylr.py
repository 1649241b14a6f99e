"""The learning rate of nnU-Net: a polynomial decay to zero."""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


def polynomial_decay(initial_lr: float, step: int, max_steps: int, exponent: float) -> float:
    """Return initial_lr * (1 - step / max_steps) ** exponent."""
    return initial_lr * (1 - step / max_steps) ** exponent


class SteppedLRScheduler(LRScheduler):
    """Sets the same learning rate for all parameter groups, as a function of the step only.

    `step(n)` sets the rate of step n; `step()` uses a counter, and construction counts as its first call.
    """

    def __init__(self, optimizer: Optimizer, current_step: int | None = None):
        self.ctr = 0
        super().__init__(optimizer, -1 if current_step is None else current_step)

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        raise NotImplementedError

    def step(self, current_step: int | None = None) -> None:
        """Set the rate of `current_step`, or of the counter if it is None or -1."""
        if current_step is None or current_step == -1:
            current_step = self.ctr
            self.ctr += 1
        rate = self.learning_rate(current_step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]


class PolyLRScheduler(SteppedLRScheduler):
    """initial_lr * (1 - step / max_steps) ** exponent."""

    def __init__(
        self,
        optimizer: Optimizer,
        initial_lr: float,
        max_steps: int,
        exponent: float = 0.9,
        current_step: int | None = None,
    ):
        self.initial_lr = initial_lr
        self.max_steps = max_steps
        self.exponent = exponent
        super().__init__(optimizer, current_step)

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        return polynomial_decay(self.initial_lr, step, self.max_steps, self.exponent)
