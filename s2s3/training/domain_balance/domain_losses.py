"""The loss of a training batch for each of its domains."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

Scales = Tensor | Sequence[Tensor]


def losses_by_domain(
    loss: Callable[[Any, Any], Tensor], output: Scales, target: Scales, domains: Sequence[str]
) -> dict[str, Tensor]:
    """Return domain -> loss of its samples alone, for the domains in the batch.

    Parameters:
        loss: takes output and target.
        output, target: tensors (B, ...), or lists of them over the scales of deep supervision.
        domains: the domain of each of the B samples.
    """
    found = {}
    for name in dict.fromkeys(domains):
        rows = [row for row, domain in enumerate(domains) if domain == name]
        found[name] = loss(_samples(output, rows), _samples(target, rows))
    return found


def _samples(values: Scales, rows: list[int]) -> Scales:
    return values[rows] if isinstance(values, Tensor) else [scale[rows] for scale in values]
