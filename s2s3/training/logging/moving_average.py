"""The smoothing that decides which checkpoint is the best."""

import math

EMA_DECAY = 0.9


def next_average(previous: float | None, value: float) -> float:
    """Return 0.9 * previous + 0.1 * value; the first number starts the average, a NaN on either side is passed over.

    NaN only if nothing but NaN was ever given.
    """
    if previous is None or math.isnan(previous):
        return value
    if math.isnan(value):
        return previous
    return EMA_DECAY * previous + (1 - EMA_DECAY) * value
