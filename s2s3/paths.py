"""The three folders of nnU-Net and the folders of external trainers, read from the environment at each use."""

import os
from collections.abc import Iterator
from pathlib import Path

from nnunetv2.errors import SettingsError
from s1.environment import folder_list_variable, folder_variable


class EnvironmentPath(os.PathLike[str]):
    """A path in an environment variable, which is read each time the path is used.

    If set, it behaves like the string in the variable: joining, formatting, comparing, string methods. If unset, it is
    false, equals None, and any use as a path raises SettingsError (a RuntimeError). An empty string counts as set.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, variable: str):
        self._variable = variable

    def get(self) -> str | None:
        """Return the current value, without quotes or spaces around it and with `~` expanded; None if unset."""
        return folder_variable(self._variable).path

    def is_set(self) -> bool:
        """Return whether the variable exists."""
        return self._variable in os.environ

    def require(self) -> str:
        """Return the current value. Raises SettingsError if unset, or if it is a folder's name only by mistake."""
        value, problem = self.get(), folder_variable(self._variable).problem
        if problem:
            raise SettingsError(problem)
        if value is None:
            raise SettingsError(
                f"{self._variable} is not defined. Set this environment variable to the folder, for example "
                f"`export {self._variable}=/path/to/{self._variable}` (README, section Set up)."
            )
        return value

    def __fspath__(self) -> str:
        return self.require()

    def __str__(self) -> str:
        return self.require()

    def __format__(self, spec: str) -> str:
        return format(self.require(), spec)

    def __repr__(self) -> str:
        return f"EnvironmentPath({self._variable}={self.get()!r})"

    def __bool__(self) -> bool:
        return self.is_set()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, EnvironmentPath):
            return self.get() == other.get()
        if isinstance(other, os.PathLike):
            return bool(self.get() == os.fspath(other))
        return bool(self.get() == other)

    def __truediv__(self, name: str | os.PathLike[str]) -> Path:
        return Path(self.require()) / name

    def __add__(self, other: str) -> str:
        return self.require() + other

    def __radd__(self, other: str) -> str:
        return other + self.require()

    def __len__(self) -> int:
        return len(self.require())

    def __iter__(self) -> Iterator[str]:
        return iter(self.require())

    def __contains__(self, part: str) -> bool:
        return part in self.require()

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.require(), name)


class EnvironmentPaths(EnvironmentPath):
    """Several folders in an environment variable, separated as in PATH."""

    def get(self) -> str | None:
        """Return the current value, with each folder as EnvironmentPath has it; None if unset."""
        return os.pathsep.join(self.folders()) if self.is_set() else None

    def folders(self) -> list[str]:
        """Return the folders, which need not exist."""
        return folder_list_variable(self._variable)


nnUNet_raw = EnvironmentPath("nnUNet_raw")
nnUNet_preprocessed = EnvironmentPath("nnUNet_preprocessed")
nnUNet_results = EnvironmentPath("nnUNet_results")
nnUNet_extTrainer = EnvironmentPaths("nnUNet_extTrainer")
