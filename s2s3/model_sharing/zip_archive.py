"""Zip files of models: written under a progress bar, and unpacked only if no entry could land elsewhere."""

import errno
import hashlib
import lzma
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from nnunetv2.errors import ArchiveError, DriftError
from nnunetv2.foundation.files import replacing
from nnunetv2.foundation.progress import redraw_interval_s
from nnunetv2.model_sharing.entry_names import clashes, entry_problem, size_problem
from s1.problem_lists import raise_together

_CHUNK_BYTES = 1 << 20
_BROKEN = (ValueError, RuntimeError, OverflowError, struct.error, lzma.LZMAError)
"""What `zipfile` raises for files that are damaged, besides BadZipFile."""
_LONGEST_SHOWN = 300

PathLike = str | os.PathLike[str]


def byte_bar(total: int | None, description: str) -> Any:
    """Return a progress bar that counts bytes."""
    from tqdm import tqdm

    units = {"unit": "B", "unit_scale": True, "unit_divisor": 1024}
    return tqdm(total=total, desc=description, mininterval=redraw_interval_s(), **units)


@dataclass(frozen=True)
class PackedFile:
    """What a file in an archive has to be once it is unpacked."""

    size_bytes: int
    sha256: str


def write_zip(
    files: Sequence[tuple[Path, str]],
    target: PathLike,
    texts: Callable[[Mapping[str, PackedFile]], Mapping[str, bytes]] = lambda _: {},
) -> None:
    """Write files, deflated, under the names given with them; `target` appears when it is complete.

    Parameters:
        texts: given the files as they were packed, by name, returns the content of more files, by name.
    """
    total = sum(file.stat().st_size for file, _ in files)
    with (
        replacing(target) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
        byte_bar(total, "packing") as bar,
    ):
        packed = {name: _pack(file, name, archive, bar) for file, name in files}
        for name, content in texts(packed).items():
            archive.writestr(name, content)


def _pack(file: Path, name: str, archive: zipfile.ZipFile, bar: Any) -> PackedFile:
    entry = zipfile.ZipInfo.from_file(file, name, strict_timestamps=False)
    entry.compress_type = zipfile.ZIP_DEFLATED
    with file.open("rb") as source, archive.open(entry, "w") as stream:
        return _copy(source, stream, bar)


def _copy(source: IO[bytes], target: IO[bytes], bar: Any) -> PackedFile:
    size_bytes, digest = 0, hashlib.sha256()
    while chunk := source.read(_CHUNK_BYTES):
        target.write(chunk)
        digest.update(chunk)
        size_bytes += len(chunk)
        bar.update(len(chunk))
    return PackedFile(size_bytes, digest.hexdigest())


@contextmanager
def opened_zip(path: PathLike, shown_as: str) -> Iterator[zipfile.ZipFile]:
    """Yield the archive; damage, found now or while it is read, raises ArchiveError with the name `shown_as`."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except DriftError:
        raise
    except zipfile.BadZipFile as error:
        raise ArchiveError(f"{shown_as}: not a zip file, or damaged ({error}); fetch it again") from None
    except (zlib.error, EOFError, NotImplementedError, *_BROKEN) as error:
        raise ArchiveError(f"{shown_as}: cannot be unpacked ({error})") from None
    except OSError as error:
        if error.errno != errno.EINVAL:  # this one is a place before the beginning of the file
            raise
        raise ArchiveError(f"{shown_as}: cannot be unpacked, an entry claims a place outside of the file") from None


def files_by_path(archive: zipfile.ZipFile, shown_as: str) -> dict[PurePosixPath, zipfile.ZipInfo]:
    """Return the files of an archive by relative path; ArchiveError lists the entries that must not be unpacked."""
    entries = archive.infolist()
    problem = size_problem(entries, archive.start_dir)
    if problem:
        raise ArchiveError(f"{shown_as}: nothing was unpacked, because {problem}")
    problems = [f"{_shown(entry)} {reason}" for entry in entries if (reason := entry_problem(entry))]
    summary = "has entries that must not be unpacked; nothing was"
    raise_together(ArchiveError, summary, problems or list(clashes(entries)), shown_as)
    return {PurePosixPath(entry.filename): entry for entry in entries if not entry.is_dir()}


def _shown(entry: zipfile.ZipInfo) -> str:
    name = entry.orig_filename
    return f"the entry {name if len(name) <= _LONGEST_SHOWN else f'{name[:_LONGEST_SHOWN]} ...'!r}"


def unpack(
    archive: zipfile.ZipFile, files: Mapping[PurePosixPath, zipfile.ZipInfo], folder: Path
) -> dict[PurePosixPath, PackedFile]:
    """Write the files below an empty folder, with checksums tested, and return what was written."""
    total = sum(entry.file_size for entry in files.values())
    require_free_space(folder, total)
    with byte_bar(total, "unpacking") as bar:
        return {path: _unpack_one(archive, entry, folder / path, bar) for path, entry in files.items()}


def _unpack_one(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, bar: Any) -> PackedFile:
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(entry) as source, target.open("xb") as stream:
        return _copy(source, stream, bar)


def require_free_space(folder: PathLike, wanted_bytes: int) -> None:
    """Raise OSError, as a full disk would, if there is no room for so many bytes."""
    free = shutil.disk_usage(folder).free
    if wanted_bytes > free:
        text = f"{wanted_bytes / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free"
        raise OSError(errno.ENOSPC, text, str(folder))


def top_folders(paths: Iterable[PurePosixPath]) -> list[str]:
    """Return the first parts of paths, each once, sorted."""
    return sorted({path.parts[0] for path in paths})
