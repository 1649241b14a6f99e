"""The moving average by which the best checkpoint is chosen."""

import math

EMA_DECAY = 0.9


def next_average(previous: float | None, value: float) -> float:
    """Return 0.9 * previous + 0.1 * value, or one of the two if the other is NaN or None."""
    if previous is None or math.isnan(previous):
        return value
    if math.isnan(value):
        return previous
    return EMA_DECAY * previous + (1 - EMA_DECAY) * value
