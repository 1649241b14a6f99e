"""Environment variables as their authors meant them: without quotes, spaces or carriage returns around the value.

Files of variables written by hand or on Windows (`.env`) bring such values: `export` keeps what a shell would strip.
"""

import os
from dataclasses import dataclass
from typing import overload

from s1.errors import DriftError

_QUOTES = {'"': '"', "'": "'", "\u201c": "\u201d", "\u2018": "\u2019"}


@overload
def text_variable(name: str) -> str | None: ...
@overload
def text_variable(name: str, default: str) -> str: ...
def text_variable(name: str, default: str | None = None) -> str | None:
    """Return the value of a variable without quotes and white space around it, `default` if it is unset."""
    value = os.environ.get(name)
    return default if value is None else _bare(value)


@dataclass(frozen=True)
class FolderVariable:
    """A variable that names a folder."""

    name: str
    raw: str | None
    """The value as it is, None if unset."""
    path: str | None
    """The folder meant: the value itself if such a folder exists, otherwise without quotes, spaces and `~`."""

    @property
    def problem(self) -> str | None:
        """One line on why the value cannot be understood, None if it can."""
        if self.path is None or os.path.isdir(self.path):
            return None
        if self.path[:1] == "~":
            return f"{self.name} is {self.raw!r}, but there is no such home folder; give the whole path"
        quote = next((quote for quote in (self.path[:1], self.path[-1:]) if quote in (*_QUOTES, *_QUOTES.values())), "")
        return (
            f"{self.name} is {self.raw!r}, with one quote ({quote}) too many or too few; remove it" if quote else None
        )

    def require(self, error: type[DriftError]) -> str:
        """Return the folder, which need not exist. Raises `error` if the variable is unset or not understood."""
        if not self.path or self.problem:
            raise error(self.problem or f"{self.name} is not set; set this environment variable to a folder")
        return self.path


def folder_variable(name: str) -> FolderVariable:
    """Return a variable that names a folder."""
    raw = os.environ.get(name)
    return FolderVariable(name, raw, None if raw is None else _folder(raw))


def folder_list_variable(name: str) -> list[str]:
    """Return the folders of a variable that separates them as PATH does; empty if it is unset."""
    raw = os.environ.get(name, "")
    text = _bare(raw)
    each_is_quoted = any(quote in text for quote in _QUOTES)
    entries = (raw if each_is_quoted or os.path.isdir(raw.split(os.pathsep)[0]) else text).split(os.pathsep)
    return [_folder(entry) for entry in entries if entry]


def _folder(raw: str) -> str:
    if (raw.strip() == raw and raw[:1] not in ("~", *_QUOTES)) or os.path.isdir(raw):
        return raw
    return os.path.expanduser(_bare(raw))


def _bare(value: str) -> str:
    text = value.strip()
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1]:
        text = text[1:-1].rstrip("\r\n")
    return text
