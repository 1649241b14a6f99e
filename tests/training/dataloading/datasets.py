"""A dataset made of numbers, for tests of the loaders."""

from types import SimpleNamespace
from typing import Any

import numpy as np

LABELS = SimpleNamespace(has_ignore_label=False, all_labels=[0, 1, 2])
LABELS_WITH_IGNORE = SimpleNamespace(has_ignore_label=True, all_labels=[0, 1, 2])
ANNOTATED = (-1, 0, 1, 2)


class NumberDataset:
    """Cases filled with their number: image value i + 1, label 1 everywhere but one voxel of label 2 in a corner."""

    def __init__(
        self,
        cases: int | list[str] = 4,
        shape: tuple[int, ...] = (1, 30, 40),
        channels: int = 3,
        previous: bool = False,
    ):
        self.identifiers = [f"case_{i}" for i in range(cases)] if isinstance(cases, int) else cases
        self.shape = shape
        self.channels = channels
        self.previous = previous

    def load_case(self, case: str) -> tuple[Any, Any, Any, dict[str, Any]]:
        number = self.identifiers.index(case)
        image = np.full((self.channels, *self.shape), number + 1, dtype=np.float32)
        seg = np.ones((1, *self.shape), dtype=np.int8)
        seg[0, -1, -1, -1] = 2
        corner = [0, *(size - 1 for size in self.shape)]
        locations = {1: np.argwhere(seg == 1)[:100], 2: np.array([corner]), ANNOTATED: np.array([corner])}
        return image, seg, seg[0] if self.previous else None, {"class_locations": locations}


class BrokenDataset(NumberDataset):
    """Cannot load one of its cases."""

    def __init__(self, error: Exception, broken_case: str = "case_2"):
        super().__init__()
        self.error = error
        self.broken_case = broken_case

    def load_case(self, case: str) -> tuple[Any, Any, Any, dict[str, Any]]:
        if case == self.broken_case:
            raise self.error
        return super().load_case(case)
