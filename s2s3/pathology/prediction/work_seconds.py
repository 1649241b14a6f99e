"""Where the time of a slide goes: waiting for its pixels, the network, writing."""

import time
from collections import defaultdict
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import TypeVar

PREPARATION, PREDICTION, READING, BANDS, WRITING = (
    "preparation",
    "prediction",
    "reading",
    "bands",
    "writing",
)
"""Reading, and the writing of bands, lie within the prediction."""
_T = TypeVar("_T")


class WorkSeconds:
    """Seconds by the clock of each kind of work; kinds may lie within each other."""

    def __init__(self) -> None:
        self._spent: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def on(self, kind: str) -> Iterator[None]:
        """Count the time in this context, also if it ends with an error."""
        started = time.monotonic()
        try:
            yield
        finally:
            self._spent[kind] += time.monotonic() - started

    def waiting(self, kind: str, items: Generator[_T, None, None]) -> Generator[_T, None, None]:
        """Yield the items of a generator and count the time until each is there; it is closed with this one."""
        with closing(items):
            while True:
                with self.on(kind):
                    item = next(items, None)
                if item is None:
                    return
                yield item

    def to_dict(self) -> dict[str, float]:
        """Return the entry `seconds` of a state file; they are disjoint.

        preparation: tissue and statistics; reading: waiting for pixels of tiles; network: all else from pixels to
        labels; writing: bands and outputs.
        """
        network = self._spent[PREDICTION] - self._spent[READING] - self._spent[BANDS]
        found = {
            PREPARATION: self._spent[PREPARATION],
            READING: self._spent[READING],
            "network": max(0.0, network),
            WRITING: self._spent[BANDS] + self._spent[WRITING],
        }
        return {kind: round(seconds, 2) for kind, seconds in found.items()}

    @property
    def wait_share(self) -> float:
        """The share of reading and network in which the network waits for pixels, 0..1."""
        both = self._spent[PREDICTION] - self._spent[BANDS]
        return round(self._spent[READING] / both, 4) if both > 0 else 0.0
