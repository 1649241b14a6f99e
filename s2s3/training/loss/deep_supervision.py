"""One loss over several resolutions of the decoder."""

from collections.abc import Sequence

from torch import Tensor, nn

from nnunetv2.errors import CallError


class DeepSupervisionWrapper(nn.Module):
    """Weighted sum of a loss over the decoder's outputs, highest resolution first.

    `weight_factors` has one number per output; losses of weight 0 are not computed. None gives every output weight 1.
    """

    def __init__(self, loss: nn.Module, weight_factors: Sequence[float] | None = None):
        super().__init__()
        if weight_factors is not None and not any(weight != 0 for weight in weight_factors):
            raise CallError(f"weight_factors are all 0: {list(weight_factors)}; at least one must be nonzero")
        self.weight_factors = None if weight_factors is None else tuple(float(weight) for weight in weight_factors)
        self.loss = loss

    def forward(self, *args: Sequence[Tensor]) -> Tensor:
        """Return `sum_i w_i * loss(args[0][i], args[1][i], ...)`; arguments must be lists or tuples."""
        if not all(isinstance(argument, list | tuple) for argument in args):
            kinds = ", ".join(type(argument).__name__ for argument in args)
            raise CallError(f"deep supervision got {kinds}; expected lists or tuples with one tensor per resolution")
        weights = self.weight_factors or (1.0,) * len(args[0])
        terms = [w * self.loss(*inputs) for w, inputs in zip(weights, zip(*args, strict=False), strict=False) if w != 0]
        return sum(terms[1:], start=terms[0])
