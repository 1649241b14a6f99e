"""A folder of preprocessed cases that an interrupted run leaves in order and the next run completes.

Cases are written in a folder of their own, moved when they are complete, and then entered in a journal beside the data
folder. The journal says how the cases were made and which files they came from and led to; a case is finished if all
of that is still so. The data folder itself never holds anything but complete cases. One process at a time may work on
it; a link to a folder elsewhere is as good as a folder.
"""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nnunetv2.errors import SettingsError
from nnunetv2.utilities.file_lock import FileLock
from nnunetv2.utilities.files import replacing

JOURNAL_VERSION = 1
_PROPERTIES_ENDING = ".pkl"

Stamp = list[Any]
"""[path or name, size, modification time in ns]; size and time are None for a file that does not exist."""


@dataclass(frozen=True)
class ResumableFolder:
    """Where the cases of one configuration go. Picklable, so that workers can finish their cases themselves."""

    folder: Path

    @property
    def journal(self) -> Path:
        """One line of JSON for the recipe, then one a finished case."""
        return self._beside(".journal.jsonl")

    @property
    def staging(self) -> Path:
        """Folder of the cases being worked on."""
        return self._beside(".partial")

    @cached_property
    def _lock(self) -> FileLock:
        return FileLock(self._beside(".lock"))

    def _beside(self, ending: str) -> Path:
        """Return a path on the disk of the cases, so that they can be moved."""
        folder = self.folder.resolve()
        return folder.with_name(folder.name + ending)

    def prepare(self, recipe: Any, sources: Mapping[str, Iterable[str]]) -> set[str]:
        """Empty the folder but for finished cases, and return these. The folder is this process's own until `tidy`.

        Parameters:
            recipe: all that decides how a case is preprocessed, of JSON types.
            sources: case -> paths of the files it is made from; those of cases to come are looked at when they finish.

        Raises SettingsError while another process works on the folder.
        """
        self.folder.resolve().mkdir(parents=True, exist_ok=True)
        if not self._lock.take():
            raise SettingsError(f"{self.folder}: another command is writing into it; let it end, or stop it, first")
        try:
            header = {"version": JOURNAL_VERSION, "recipe": _digest(recipe)}
            entries = self._still_valid(header, sources)
            with replacing(self.journal) as temporary:
                temporary.write_text("".join(map(_journal_line, (header, *entries.values()))))
            self._keep_only(entries.values())
            self.clear_staging()
        except BaseException:
            self._lock.release()
            raise
        return set(entries)

    def begin(self, case: str) -> str:
        """Return the path, without ending, that the files of a case are written to."""
        place = self.staging / case
        place.mkdir(parents=True, exist_ok=True)
        return str(place / case)

    def finish(self, case: str, source_stamps: list[Stamp]) -> None:
        """Move the files of a case into the folder, the properties last, and enter it in the journal."""
        place = self.staging / case
        names = sorted(os.listdir(place), key=lambda name: (name.endswith(_PROPERTIES_ENDING), name))
        for name in names:
            os.replace(place / name, self.folder / name)
        place.rmdir()
        outputs = [stamp(self.folder / name, name) for name in names]
        line = _journal_line({"case": case, "sources": source_stamps, "outputs": outputs}).encode()
        with open(self.journal, "ab", buffering=0) as stream:  # one write, so that workers do not mix their lines
            if stream.write(line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.journal))

    def tidy(self) -> None:
        """After the run, however it ended: remove what belongs to no finished case and let others use the folder."""
        try:
            self.clear_staging()
            self._keep_only(self._entries().values())
        finally:
            self._lock.release()

    def clear_staging(self) -> None:
        """Remove what cases under way have left."""
        shutil.rmtree(self.staging, ignore_errors=True)

    def _still_valid(self, header: dict[str, Any], sources: Mapping[str, Iterable[str]]) -> dict[str, dict[str, Any]]:
        if self._header() != header:
            return {}
        return {
            case: entry
            for case, entry in self._entries().items()
            if case in sources
            and entry["sources"] == [stamp(path) for path in sources[case]]
            and entry["outputs"] == [stamp(self.folder / name, name) for name, _, _ in entry["outputs"]]
        }

    def _header(self) -> Any:
        lines = self._lines()
        return lines[0] if lines else None

    def _entries(self) -> dict[str, dict[str, Any]]:
        return {
            line["case"]: line
            for line in self._lines()[1:]
            if isinstance(line, dict) and line.keys() == {"case", "sources", "outputs"}
        }

    def _lines(self) -> list[Any]:
        """Lines that can be read; a run that was killed may have left the last one incomplete."""
        if not self.journal.is_file():
            return []
        lines = []
        for text in self.journal.read_text(errors="replace").splitlines():
            try:
                lines.append(json.loads(text))
            except json.JSONDecodeError:
                continue
        return lines

    def _keep_only(self, entries: Iterable[dict[str, Any]]) -> None:
        kept = {name for entry in entries for name, _, _ in entry["outputs"]}
        with os.scandir(self.folder) as found:
            for item in found:
                if item.is_dir(follow_symlinks=False):
                    shutil.rmtree(item.path)
                elif item.name not in kept:
                    os.unlink(item.path)


def _journal_line(content: Mapping[str, Any]) -> str:
    """Return a line that starts with the line break, so that one cut short before it spoils only itself."""
    return "\n" + json.dumps(content)


def stamp(path: str | os.PathLike[str], name: str | None = None) -> Stamp:
    """Return what changes when a file is written again."""
    shown = os.fspath(path) if name is None else name
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return [shown, None, None]
    return [shown, status.st_size, status.st_mtime_ns]


def code_stamps(packages: Iterable[str], classes: Iterable[type]) -> list[Stamp]:
    """Return stamps of all modules in package folders and of the modules that define some classes."""
    import inspect

    files = {path for package in packages for path in Path(package).rglob("*.py")}
    for found in classes:
        with suppress(TypeError, OSError):  # built-in classes and those typed in have no file
            files.add(Path(inspect.getsourcefile(found) or inspect.getfile(found)))
    return [stamp(path) for path in sorted(files)]


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
