"""Whether the entries of a zip file may be unpacked, judging by names, kinds and sizes, on any file system."""

import re
import stat
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from s1.json_files import CASE_LIST_MIB, MIB

_DRIVE = re.compile(r"[A-Za-z]:")
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?", re.IGNORECASE)
"""Names that are devices on Windows, with any ending."""
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_LONGEST_NAME = 1024
"""Bytes; systems allow 1024 to 4096 for a whole path."""
_LONGEST_PART = 255
_MOST_ENTRIES = 100_000
_LOCAL_HEADER_BYTES = 30
_LARGEST_RATIO = 100
_ALWAYS_ALLOWED_BYTES = 1 << 30


def entry_problem(entry: zipfile.ZipInfo) -> str | None:
    """Say why an entry must not be unpacked, None if it may."""
    return (
        _length_problem(entry.orig_filename)
        or _place_problem(entry.orig_filename)
        or _name_problem(entry.orig_filename)
        or _kind_problem(entry)
        or _json_problem(entry)
    )


def _length_problem(name: str) -> str | None:
    lengths = [len(part.encode("utf-8", "surrogatepass")) for part in name.split("/")]
    if sum(lengths) + len(lengths) - 1 > _LONGEST_NAME:
        return f"has a name of more than {_LONGEST_NAME} bytes"
    return f"has a part of more than {_LONGEST_PART} bytes in its name" if max(lengths) > _LONGEST_PART else None


def _place_problem(name: str) -> str | None:
    if name.startswith("/") or _DRIVE.match(name):
        return "is an absolute path"
    if ".." in name.split("/"):
        return "leads out of the folder"
    return "has a backslash in its name" if "\\" in name else None


def _name_problem(name: str) -> str | None:
    parts = PurePosixPath(name).parts
    if not parts:
        return "has no name"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        return "has a control character in its name"
    if any(part.endswith((".", " ")) for part in parts):
        return "has a name that ends in a dot or space, which some systems drop"
    return "has a name that Windows reserves" if any(map(_RESERVED.fullmatch, parts)) else None


def _kind_problem(entry: zipfile.ZipInfo) -> str | None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link" if kind == stat.S_IFLNK else "is no ordinary file"
    return "is encrypted" if entry.flag_bits & _ENCRYPTED else None


def _json_problem(entry: zipfile.ZipInfo) -> str | None:
    """Say that no command would read a file of JSON, as it is too large."""
    if not entry.filename.lower().endswith(".json") or entry.file_size <= CASE_LIST_MIB * MIB:
        return None
    return f"has {entry.file_size / MIB:.0f} MiB of JSON, expected at most {CASE_LIST_MIB}"


def clashes(entries: Sequence[zipfile.ZipInfo]) -> Iterator[str]:
    """Yield one line for each entry that cannot stand beside the others, also where names have no case."""
    spellings: dict[str, PurePosixPath] = {}
    files: set[str] = set()
    for entry in entries:
        path = PurePosixPath(entry.filename)
        for part in (*list(path.parents)[:-1], path):
            first = spellings.setdefault(_folded(part), part)
            if first != part:
                yield f"{entry.filename!r} differs from {str(first)!r} only in case or Unicode form"
        if not entry.is_dir():
            if _folded(path) in files:
                yield f"{entry.filename!r} is there twice"
            files.add(_folded(path))
    for entry in entries:
        path = PurePosixPath(entry.filename)
        if any(_folded(parent) in files for parent in path.parents):
            yield f"{entry.filename!r} lies in a file"
        elif entry.is_dir() and _folded(path) in files:
            yield f"{entry.filename!r} is a folder and a file"


def _folded(path: PurePosixPath) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", str(path)).casefold())


def size_problem(entries: list[zipfile.ZipInfo], end_of_entries: int) -> str | None:
    """Say why the sizes that an archive claims cannot be true, or are those of a bomb; None if they may be.

    Parameters:
        end_of_entries: where the last entry has to end, in bytes.
    """
    if len(entries) > _MOST_ENTRIES:
        return f"it has {len(entries)} entries, expected at most {_MOST_ENTRIES}"
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            return f"the entry {entry.filename!r} overlaps another"
        end = entry.header_offset + _LOCAL_HEADER_BYTES + entry.compress_size
    if end > end_of_entries:
        return f"its entries claim {end} bytes, of which it holds {end_of_entries}"
    total = sum(entry.file_size for entry in entries)
    if total > max(_LARGEST_RATIO * end_of_entries, _ALWAYS_ALLOWED_BYTES):
        return f"it would unpack {end_of_entries / 1e6:.1f} MB to {total / 1e9:.1f} GB"
    return None
