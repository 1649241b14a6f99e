"""Items pass through unchanged; what is known of them is written when the iterator is closed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnunetv2.domains.domain_statistics import DomainStatistics
from nnunetv2.foundation.files import read_json
from nnunetv2.inference.measured_items import measured
from nnunetv2.inference.prepared_cases import Item, WatchedItems

STATISTICS = DomainStatistics(("white",), np.zeros((1, 9)), np.eye(9), 1.0)


def item(name: str) -> Item:
    return {"data": None, "data_properties": {}, "ofile": f"out/{name}"}


class Watched(WatchedItems):
    """Two items; notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._items = iter([item("a"), item("b")])

    def __next__(self) -> Item:
        return next(self._items)

    def poll(self) -> None:
        self.asked.append("poll")

    def close(self) -> None:
        self.asked.append("close")


def test_without_statistics_or_a_folder_an_iterator_stays_as_it_is(tmp_path: Path) -> None:
    items: Iterator[Any] = iter(())
    assert measured(items, (), tmp_path) is items
    assert measured(items, [STATISTICS], None) is items


def test_items_pass_through_and_their_domains_are_written_at_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = Watched()
    items: Any = measured(source, [STATISTICS], tmp_path)
    assert [entry["ofile"] for entry in items] == ["out/a", "out/b"]
    items.poll()
    assert not list(tmp_path.iterdir())
    items.close()
    assert source.asked == ["poll", "close"]
    assert list(read_json(tmp_path / "predict_domains.json")["cases"]) == ["a", "b"]
    assert capsys.readouterr().out.startswith("a: domain unknown")


def test_the_iterator_of_a_client_can_be_measured_too(tmp_path: Path) -> None:
    items: Any = measured(iter([item("a")]), [STATISTICS], tmp_path)
    items.poll()
    assert next(items)["ofile"] == "out/a"
    items.close()
    assert (tmp_path / "predict_domains.json").is_file()
