"""Weights of domains that follow their losses: exponentiated gradient steps."""

import math
from collections.abc import Mapping
from typing import Any

from nnunetv2.errors import CheckpointError

_LEAST_WEIGHT = 1e-300


def exponentiated(
    weights: Mapping[str, float], gains: Mapping[str, float], step_size: float, uniform_share: float = 0.0
) -> dict[str, float]:
    """Return the weights times exp(step_size * gain), summing to 1; none becomes 0, which it would stay for ever.

    Parameters:
        gains: domains without one, or with one that is not finite, keep their weight relative to a gain of 0.
        uniform_share: share in [0, 1] of the result that is the same for every domain.
    """
    known = {name: gains[name] if math.isfinite(gains.get(name, math.nan)) else 0.0 for name in weights}
    most = max(known.values(), default=0.0)
    grown = {
        name: max(weight * math.exp(step_size * (known[name] - most)), _LEAST_WEIGHT)
        for name, weight in weights.items()
    }
    total = math.fsum(grown.values())
    return {name: (1 - uniform_share) * value / total + uniform_share / len(grown) for name, value in grown.items()}


class AdaptiveRatios:
    """Mixing ratios that grow for domains whose loss falls less than that of others.

    After DoReMi (Xie et al., NeurIPS 2023), which has the update, the excess over a reference and the uniform share.
    Simpler here: the reference is no second network but the mean loss of the first epochs; the excess is not cut at
    0, which it stays below; and the ratios change while the network trains, instead of before a second training.

    Parameters:
        ratios: domain -> share of the batches at the start.
        reference_epochs: number of first epochs, 1 or more, whose mean loss is the reference.
        step_size: of an epoch; at 1, an excess that is 0.1 above another's raises the ratio by a tenth more.
        uniform_share: see `exponentiated`; no ratio falls below this share divided by the number of domains.
    """

    def __init__(
        self, ratios: Mapping[str, float], reference_epochs: int = 2, step_size: float = 1.0, uniform_share: float = 0.1
    ):
        self.ratios = dict(ratios)
        self._reference_epochs = reference_epochs
        self._step_size = step_size
        self._uniform_share = uniform_share
        self._first_losses: list[dict[str, float]] = []

    def add_epoch(self, losses: Mapping[str, float]) -> None:
        """Change the ratios after an epoch with these mean losses; domains without a finite one stay as they are."""
        finite = {name: loss for name, loss in losses.items() if math.isfinite(loss)}
        if len(self._first_losses) < self._reference_epochs:
            self._first_losses.append(finite)
            return
        excess = {name: loss - self._reference(name) for name, loss in finite.items()}
        known = {name: value for name, value in excess.items() if math.isfinite(value)}
        self.ratios = exponentiated(self.ratios, known, self._step_size, self._uniform_share)

    def _reference(self, name: str) -> float:
        known = [losses[name] for losses in self._first_losses if name in losses]
        return math.fsum(known) / len(known) if known else math.nan

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a checkpoint."""
        return {"ratios": dict(self.ratios), "first_losses": [dict(losses) for losses in self._first_losses]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the values of a checkpoint. Raises CheckpointError if they are not those of the same domains."""
        ratios: Any = state.get("ratios")
        first: Any = state.get("first_losses")
        if not is_weights(ratios, self.ratios) or not isinstance(first, list) or not all(map(_is_losses, first)):
            raise CheckpointError(
                f"the checkpoint's adaptive ratios are {dict(state)}, expected ratios of {', '.join(self.ratios)} and "
                "first_losses; start the training anew"
            )
        self.ratios, self._first_losses = dict(ratios), [dict(losses) for losses in first]


def is_weights(value: Any, domains: Mapping[str, float]) -> bool:
    """Tell whether a value from a file gives each of these domains, and no other, a finite number above 0."""
    return _is_losses(value) and value.keys() == domains.keys() and all(weight > 0 for weight in value.values())


def _is_losses(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    return all(isinstance(number, float) and math.isfinite(number) for number in value.values())
