"""The one way in which all commands list the files of a folder.

Names that start with a dot are no cases: macOS writes a hidden `._x` beside each file x on many disks, and `.DS_Store`
into folders. Everything else with the wanted ending is a file or a problem; nothing is left out in silence.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from os.path import join

from s1.case_names import ByName, same_names
from s1.readable_files import hindrance

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class ListedFiles:
    """What a folder contains."""

    folder: PathLike
    names: list[str]
    """Names of the files, sorted."""
    no_files: dict[str, str]
    """Name of an entry that is no file -> a line about it."""

    @property
    def problems(self) -> list[str]:
        """One line for each entry that is no file, and for each pair of names that differ in Unicode form only."""
        return [*self.no_files.values(), *(f"{self.folder}: {line}" for line in same_names(self.names))]

    def ending_in(self, ending: str) -> "ListedFiles":
        """Return the entries with an ending, in these capitals."""
        names = [name for name in self.names if name.endswith(ending)]
        return ListedFiles(self.folder, names, {k: line for k, line in self.no_files.items() if k.endswith(ending)})


def is_hidden(name: str) -> bool:
    """Return whether a file or folder of this name is hidden, as the side files of macOS are."""
    return name.startswith(".")


def list_files(folder: PathLike, endings: str | tuple[str, ...] = "", ignore_case: bool = False) -> ListedFiles:
    """List the entries of a folder that end in one of `endings` and are not hidden.

    A file that may not be read is listed, so that whoever reads it says so.

    Parameters:
        ignore_case: whether endings, given in lower case, may be written in capitals.

    Raises OSError if the folder cannot be listed.
    """
    with os.scandir(folder) as entries:
        found = {
            entry.name: _is_file(entry)
            for entry in entries
            if not is_hidden(entry.name) and (entry.name.lower() if ignore_case else entry.name).endswith(endings)
        }
    names = sorted(found)
    files = [name for name in names if found[name]]
    paths = {name: join(folder, name) for name in names if not found[name]}
    return ListedFiles(folder, files, {name: f"{path}: {hindrance(path)}" for name, path in paths.items()})


def _is_file(entry: os.DirEntry[str]) -> bool:
    with suppress(OSError):  # a link that leads back to itself
        return entry.is_file()
    return False


def as_on_disk(path: str) -> str:
    """Return the path of the file whose name differs in Unicode form only, if there is none of exactly this name."""
    folder, name = os.path.split(path)
    if name.isascii() or os.path.lexists(path) or not os.path.isdir(folder or "."):
        return path
    return join(folder, ByName(dict.fromkeys(os.listdir(folder or "."))).given(name))
