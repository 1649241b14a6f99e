"""Mixing ratios that loader processes see change."""

from collections.abc import Iterator, Mapping
from multiprocessing import RawArray


class SharedRatios(Mapping[str, float]):
    """Domain -> ratio, in memory that this process shares with those it starts.

    Parameters:
        ratios: domain -> ratio at the start; the domains stay the same.
    """

    def __init__(self, ratios: Mapping[str, float]):
        self._names = tuple(ratios)
        self._values = RawArray("d", [ratios[name] for name in self._names])

    def set(self, ratios: Mapping[str, float]) -> None:
        """Give every domain a new ratio."""
        for index, name in enumerate(self._names):
            self._values[index] = ratios[name]

    def __getitem__(self, name: str) -> float:
        if name not in self._names:
            raise KeyError(name)
        return float(self._values[self._names.index(name)])

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
