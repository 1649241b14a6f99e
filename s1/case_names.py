"""Names of cases and files, which are the same whether their accents are composed (é, NFC) or not (e + ´, NFD).

macOS and some archives store the second form, most tables and JSON files have the first; both look alike. Cases keep
the form of their image files, and other sources are matched with them.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

Value = TypeVar("Value")


def composed(name: str) -> str:
    """Return the composed form (NFC), which is equal for names that differ in Unicode form only."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def case_of(image: Path) -> str:
    """Return the name of the case that an image `x_0000.png` or `x.png` belongs to."""
    return composed(image.stem).removesuffix("_0000")


def unusable_in_files(name: str) -> str | None:
    """Say why a file of this name can be no case: other files could not hold the name, or not in one line."""
    kinds = {unicodedata.category(character) for character in name}
    if "Cs" in kinds:
        return "has a name that is not UTF-8"
    return "has a control character in its name" if kinds & {"Cc", "Zl", "Zp"} else None


class ByName(Mapping[str, Value]):
    """A mapping with names as keys, which finds an entry by either Unicode form. Iteration gives the keys as given."""

    def __init__(self, entries: Mapping[str, Value]):
        self._entries = dict(entries)
        self._given = {composed(name): name for name in self._entries}

    def __getitem__(self, name: str) -> Value:
        if name in self._entries:
            return self._entries[name]
        return self._entries[self._given[composed(name)]]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and composed(name) in self._given

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def given(self, name: str) -> str:
        """Return the key of this name in the form in which it was given; an unknown name unchanged."""
        return self._given.get(composed(name), name)


def named_as_in(existing: Iterable[str], names: Iterable[str]) -> list[str]:
    """Return `names` in the Unicode form in which they occur in `existing`; names that do not occur, unchanged."""
    known = ByName(dict.fromkeys(existing))
    return [known.given(name) for name in names]


def same_names(names: Iterable[str]) -> list[str]:
    """Return a line for each pair of names that differ in Unicode form only, which look the same."""
    seen: dict[str, str] = {}
    return [
        f"{name!r} and {first!r} differ in Unicode form only ({name!a}, {first!a}); rename one of them"
        for name in names
        if (first := seen.setdefault(composed(name), name)) != name
    ]
