"""The three folders of nnU-Net and the folders of external trainers, read from the environment at each use."""

import os
from collections.abc import Iterator
from pathlib import Path

from nnunetv2.errors import SettingsError


class EnvironmentPath(os.PathLike[str]):
    """A path in an environment variable, which is read each time the path is used.

    If set, it behaves like the string in the variable: joining, formatting, comparing, string methods. If unset, it is
    false, equals None, and any use as a path raises SettingsError (a RuntimeError). An empty string counts as set.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, variable: str):
        self._variable = variable

    def get(self) -> str | None:
        """Return the current value, None if unset."""
        return os.environ.get(self._variable)

    def is_set(self) -> bool:
        """Return whether the variable exists."""
        return self._variable in os.environ

    def require(self) -> str:
        """Return the current value. Raises SettingsError if unset."""
        value = self.get()
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


nnUNet_raw = EnvironmentPath("nnUNet_raw")
nnUNet_preprocessed = EnvironmentPath("nnUNet_preprocessed")
nnUNet_results = EnvironmentPath("nnUNet_results")
nnUNet_extTrainer = EnvironmentPath("nnUNet_extTrainer")
