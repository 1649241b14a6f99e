"""Items that are measured on their way to the network are those of the other iterator, which ends with them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from batchgenerators.dataloading.multi_threaded_augmenter import MultiThreadedAugmenter

from nnunetv2.inference.measured_items import MeasuredItems, measured
from nnunetv2.inference.prepared_cases import Item


class Record:
    """Notes what it is asked for."""

    def __init__(self) -> None:
        self.cases: list[str] = []
        self.is_written = False

    def add(self, case: str, data: object, properties: dict[str, object]) -> None:
        self.cases.append(case)

    def write(self) -> None:
        self.is_written = True


def items() -> Iterator[Item]:
    yield {"data": np.zeros(1), "data_properties": {}, "ofile": "folder/a"}


def test_items_pass_and_are_recorded() -> None:
    record = Record()
    assert len(list(MeasuredItems(items(), record))) == 1  # type: ignore[arg-type]
    assert record.cases == ["a"]


class Augmenter(MultiThreadedAugmenter):
    """An augmenter without processes."""

    def __init__(self) -> None:
        self.ends = 0

    def __iter__(self) -> "Augmenter":
        return self

    def _finish(self, timeout: int = 10) -> None:
        self.ends += 1

    def __del__(self) -> None:
        """There is nothing to end."""


def test_an_augmenter_of_a_client_is_ended() -> None:
    augmenter, record = Augmenter(), Record()
    found = MeasuredItems(augmenter, record)  # type: ignore[arg-type]
    found.poll()
    found.close()
    assert augmenter.ends == 1
    assert record.is_written


def test_without_statistics_or_folder_the_iterator_stays(tmp_path: Path) -> None:
    own = items()
    assert measured(own, (), tmp_path) is own
    assert measured(own, [object()], None) is own  # type: ignore[list-item]
