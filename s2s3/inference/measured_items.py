"""Measures each image on its way to the network: which domain of the training does it look like?"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from nnunetv2.domains.domain_statistics import DomainStatistics
from nnunetv2.inference.domain_membership import MembershipRecord
from nnunetv2.inference.prepared_cases import Item, WatchedItems, end_items


def measured(items: Iterator[Item], statistics: Sequence[DomainStatistics], folder: Path | None) -> Iterator[Item]:
    """Return an iterator that also fills a record of the domains in a folder of results.

    It is the iterator itself for models without statistics, and if results are not written.
    """
    if not statistics or folder is None:
        return items
    return MeasuredItems(items, MembershipRecord(statistics, folder))


class MeasuredItems(WatchedItems):
    """Yields the items of another iterator; the record is written when it is closed."""

    def __init__(self, items: Iterable[Item], record: MembershipRecord):
        self._source = items
        self._items = iter(items)
        self._record = record

    def __next__(self) -> Item:
        item = next(self._items)
        self._record.add(os.path.basename(item["ofile"]), item["data"], item["data_properties"])
        return item

    def poll(self) -> None:
        """Watch the other iterator, if there is something to watch."""
        if isinstance(self._source, WatchedItems):
            self._source.poll()

    def close(self) -> None:
        """End the other iterator and write the record."""
        try:
            end_items(self._source)
        finally:
            self._record.write()
