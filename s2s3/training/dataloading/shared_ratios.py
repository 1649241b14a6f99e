"""Mixing ratios that loader processes see change."""

import multiprocessing
import os
import time
from collections.abc import Iterator, Mapping
from multiprocessing import RawArray

_SECONDS_BETWEEN_LOOKS = 0.01
_ALWAYS = 2**62


class SharedRatios(Mapping[str, float]):
    """Domain -> ratio, in memory that this process shares with those it starts.

    Parameters:
        ratios: domain -> ratio at the start, for all steps; the domains stay the same.
    """

    def __init__(self, ratios: Mapping[str, float]):
        self._names = tuple(ratios)
        self._values = RawArray("d", [ratios[name] for name in self._names])
        self._steps = RawArray("q", [0, _ALWAYS])
        self._training = os.getpid()

    def set(self, ratios: Mapping[str, float], steps: range | None = None) -> None:
        """Give every domain a new ratio.

        Parameters:
            steps: the training steps for which the ratios hold; None: for those whose batches are made from now on.
        """
        for index, name in enumerate(self._names):
            self._values[index] = ratios[name]
        if steps is not None:
            self._steps[0], self._steps[1] = steps.start, steps.stop

    def prolong(self, step: int) -> None:
        """Let the ratios hold at a step too: the training waits for its batch, and cannot change them meanwhile."""
        self._steps[1] = max(self._steps[1], step + 1)

    def wait_for(self, step: int) -> int:
        """Wait until the ratios of a step are set; return the first step for which they hold.

        Does not wait in the process that sets them. Raises EOFError in a process whose parent has ended meanwhile.
        """
        if os.getpid() == self._training:
            self.prolong(step)
        while step >= self._steps[1]:
            parent = multiprocessing.parent_process()
            if parent is not None and not parent.is_alive():
                raise EOFError("the training has ended")
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        return self._steps[0]

    def __getitem__(self, name: str) -> float:
        if name not in self._names:
            raise KeyError(name)
        return float(self._values[self._names.index(name)])

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
