"""Join the outputs of the steps of an epoch."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnunetv2.errors import InvalidValueError


def collate_outputs(outputs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Join dicts by key: scalars to a list, arrays on a new first axis, lists end to end; other types raise an error.

    Arrays of shape (...) of n steps become (n, ...), arrays without axes (n, 1). The first dict decides the keys.
    """
    if not outputs:
        raise InvalidValueError("there are no outputs to collate: the epoch had no steps")
    return {key: _collate(key, [output[key] for output in outputs]) for key in outputs[0]}


def _collate(key: str, values: list[Any]) -> Any:
    first = values[0]
    if np.isscalar(first):
        return values
    if isinstance(first, np.ndarray):
        return np.vstack([value[None] for value in values])
    if isinstance(first, list):
        return [element for value in values for element in value]
    raise InvalidValueError(
        f"Cannot collate output {key!r} of type {type(first)}; expected a scalar, a numpy array or a list"
    )
