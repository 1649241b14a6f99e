"""Assign batch slots to domains by their mixing ratios (method, section 2.1).

A running largest remainder with deadlines: Tijdeman's rule for the chairman assignment problem (R. Tijdeman, Discrete
Mathematics 32, 1980, 323-330). Domains with equal ratios share one sequence of slots and take turns in it, which loses
nothing, since floor(floor(x) / k) = floor(x / k). For every window of W slots, with G different ratios:

    G = 1 or 2    |count_d - r_d W| < 1
    G >= 3        |count_d - r_d W| <= 2 - 1 / (G - 1) < 2

With three or more different ratios, usually no sequence stays within 1 in every window: of all sequences of 20 slots
for the ratios 6 : 7 : 8, none does (a test searches them). Such sequences are balanced words; by Fraenkel's conjecture,
proven for up to seven letters, very few sets of different ratios allow one.
"""

import math
from collections.abc import Mapping, Sequence

from nnunetv2.errors import InvalidValueError

_UNITS = 10**12
_CHECKPOINT_SLOTS = 4096


class Apportionment:
    """A fixed, endless sequence of slots, each assigned to a domain so that every window keeps the ratios.

    Reading on costs O(count); jumping costs a replay from the last checkpoint before the slot, at most 4096 slots once
    the sequence has been read that far.

    Parameters:
        ratios: domain -> share, finite, none negative, not all zero; need not sum to 1. Resolved to 1e-12.
    """

    def __init__(self, ratios: Mapping[str, float]):
        weights = _whole_weights(ratios)
        members: dict[int, list[str]] = {}
        for domain, weight in weights.items():
            members.setdefault(weight, []).append(domain)
        self._members = list(members.values())
        self._sequence = _GroupSequence([weight * len(names) for weight, names in members.items()])

    def slots(self, start: int, count: int) -> list[str]:
        """Return the domains of the slots start, start + 1, ..., start + count - 1 (start and count at least 0)."""
        if start < 0 or count < 0:
            raise InvalidValueError(f"slots({start}, {count}): start and count must be 0 or more")
        self._sequence.move_to(start)
        return [self._next_domain() for _ in range(count)]

    def _next_domain(self) -> str:
        turn, group = self._sequence.step()
        names = self._members[group]
        return names[turn % len(names)]


class _GroupSequence:
    """Slots assigned to groups of domains with equal ratios, by the groups' integer weights."""

    def __init__(self, weights: Sequence[int]):
        self._weights = tuple(weights)
        self._total = sum(weights)
        self._position = 0
        self._counts = [0] * len(weights)
        self._remainders = [0] * len(weights)  # in units of 1 / total slots
        self._checkpoints = [tuple(self._counts)]

    def move_to(self, position: int) -> None:
        """Go to a slot, from the nearest checkpoint if that is closer than the current position."""
        nearest = min(position // _CHECKPOINT_SLOTS, len(self._checkpoints) - 1)
        if position < self._position or nearest * _CHECKPOINT_SLOTS > self._position:
            self._position = nearest * _CHECKPOINT_SLOTS
            self._counts = list(self._checkpoints[nearest])
            self._remainders = [
                weight * self._position - self._total * count
                for weight, count in zip(self._weights, self._counts, strict=True)
            ]
        while self._position < position:
            self.step()

    def step(self) -> tuple[int, int]:
        """Assign the next slot; return how many slots its group had before, and the group."""
        for group, weight in enumerate(self._weights):
            self._remainders[group] += weight
        chosen = self._most_urgent()
        before = self._counts[chosen]
        self._remainders[chosen] -= self._total
        self._counts[chosen] += 1
        self._position += 1
        if self._position == len(self._checkpoints) * _CHECKPOINT_SLOTS:
            self._checkpoints.append(tuple(self._counts))
        return before, chosen

    def _most_urgent(self) -> int:
        """Return the group with the earliest deadline among those that may have a slot now.

        With the remainder D = r t - count and b = 1 / (2 G - 2), a group may have a slot where D >= b, and needs one
        before D exceeds 1 - b, in (1 - b - D) / r slots. Ties go to the larger remainder.
        """
        if len(self._weights) == 1:
            return 0
        scale = 2 * len(self._weights) - 2
        latest = (scale - 1) * self._total
        due = (
            (-((scale * remainder - latest) // weight), -remainder, group)
            for group, (weight, remainder) in enumerate(zip(self._weights, self._remainders, strict=True))
            if scale * remainder >= self._total
        )
        return min(due)[2]


def _whole_weights(ratios: Mapping[str, float]) -> dict[str, int]:
    """Return integers in the given proportions; domains without a share are left out."""
    total = math.fsum(ratios.values())
    if not all(math.isfinite(ratio) and ratio >= 0 for ratio in ratios.values()) or not total > 0:
        raise InvalidValueError(f"mixing ratios {dict(ratios)}: expected finite numbers, none negative, not all zero")
    weights = {domain: round(ratio / total * _UNITS) for domain, ratio in ratios.items()}
    return {domain: weight for domain, weight in weights.items() if weight > 0}
