"""Stops the construction of a network that plans describe as far larger than any that a computer holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nnunetv2.errors import SettingsError
from nnunetv2.file_kinds.network_arguments import MOST_WEIGHTS

MOST_TENSORS = 100_000
"""Weights and biases of layers; the largest networks for segmentation have some thousand."""


@contextmanager
def limited_weights() -> Iterator[None]:
    """Count the weights of all layers that are made within the context, before any is filled with values.

    Raises SettingsError at the layer that exceeds MOST_WEIGHTS weights or MOST_TENSORS tensors.
    """
    from torch.nn.modules.module import register_module_parameter_registration_hook
    from torch.nn.parameter import is_lazy

    weights = tensors = 0

    def count(_: Any, __: str, parameter: Any) -> None:
        nonlocal weights, tensors
        if parameter is None or is_lazy(parameter):
            return
        weights, tensors = weights + parameter.numel(), tensors + 1
        if weights > MOST_WEIGHTS or tensors > MOST_TENSORS:
            raise SettingsError(
                f"plans: the network has more than {MOST_WEIGHTS:.0g} weights, or more than {MOST_TENSORS} tensors of "
                "them; have fewer features, blocks or stages in 'arch_kwargs'"
            )

    handle = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        handle.remove()
