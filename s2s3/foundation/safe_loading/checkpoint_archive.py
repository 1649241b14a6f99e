"""The entries of a checkpoint file: a zip file of one folder, in which torch compresses nothing."""

import zipfile
from pathlib import Path

from nnunetv2.foundation.safe_loading.checkpoint_content import check_checkpoint
from nnunetv2.foundation.safe_loading.safe_pickle import UNSAFE_VARIABLE

_BEGINNING = b"PK\x03\x04"
_LOCAL_HEADER_BYTES = 30
_MOST_ENTRIES = 200_000
_ENCRYPTED = 0x1


def check_checkpoint_file(path: Path) -> None:
    """Raise ValueError, BadZipFile or what `check_checkpoint` raises unless torch may load the file.

    Refused are files of torch before 1.6 and tar files, entries that are compressed, overlap or have the same name,
    descriptions of more than the file holds, and entries whose checksum does not fit (0.4 s a gigabyte).
    """
    with path.open("rb") as stream:
        if stream.read(len(_BEGINNING)) != _BEGINNING:
            raise ValueError(
                f"no zip file as torch since 1.6 writes; if you trust an older one, set {UNSAFE_VARIABLE}=1"
            )
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        _check_entries(entries, path.stat().st_size)
        folder = entries[0].filename.split("/")[0]
        sizes = {entry.filename: entry.file_size for entry in entries}
        prefix = f"{folder}/data/"
        storages = {name.removeprefix(prefix): size for name, size in sizes.items() if name.startswith(prefix)}
        with archive.open(f"{folder}/data.pkl") as stream:
            check_checkpoint(stream, sizes[f"{folder}/data.pkl"], storages)
        _check_sums(archive)


def _check_sums(archive: zipfile.ZipFile) -> None:
    changed = archive.testzip()
    if changed is not None:
        raise ValueError(f"the checksum of its entry {changed[:60]!r} is another one, so that its numbers have changed")


def _check_entries(entries: list[zipfile.ZipInfo], file_bytes: int) -> None:
    if not 0 < len(entries) <= _MOST_ENTRIES:
        raise ValueError(f"{len(entries)} entries, expected 1 to {_MOST_ENTRIES}")
    names = {entry.filename.lower() for entry in entries}
    if len(names) != len(entries):
        raise ValueError("it has two entries of one name")
    if len({name.split("/")[0] for name in names}) != 1 or any("constants.pkl" in name for name in names):
        raise ValueError("it is another kind of file than torch.save writes")
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.flag_bits & _ENCRYPTED or entry.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"the entry {entry.filename[:60]!r} is compressed or encrypted")
        if entry.file_size != entry.compress_size or entry.header_offset < end:
            raise ValueError(f"the entry {entry.filename[:60]!r} overlaps another, or is not as long as it claims")
        end = entry.header_offset + _LOCAL_HEADER_BYTES + len(entry.filename.encode()) + entry.file_size
    if end > file_bytes:
        raise ValueError(f"its entries claim {end} bytes, it has {file_bytes}")
