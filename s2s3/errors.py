"""The errors of the package.

    DriftError                                   (from s1.errors) an error that a user can fix
    ├── DomainMapError, ImageProblemError        (from s1.errors)
    │   ├── UnfitImageError    AssertionError    (from s1.errors) readable, but its dimensions or values are unsuitable
    │   └── SlideError                           a whole slide, or what belongs to it, that cannot be used
    │       ├── MissingPixelSizeError            the file or the model does not state its micrometres per pixel
    │       ├── UnreadableSlideError             a slide, or too much of it, cannot be read
    │       ├── SlideTooCoarseError              the slide has larger pixels than the model was trained on
    │       └── AnnotationError                  a file of annotations that is damaged or does not match
    ├── SettingsError          RuntimeError      environment variable, argument or plans entry
    │   ├── MissingEntryError  KeyError          plans lack an entry
    │   ├── UnknownNetworkError ImportError      plans name a network that cannot be imported
    │   ├── WrongClassError    AssertionError    an object of another class than required
    │   └── ArgumentError      AssertionError    arguments that exclude each other, or an unknown choice
    ├── InvalidValueError      ValueError        a value outside its range
    │   ├── WrongShapeError    AssertionError    an array of the wrong shape
    │   ├── InvalidOutputError AssertionError    a name or place that an output must not have
    │   └── ArchiveError       zipfile.BadZipFile a zip file that cannot or must not be unpacked
    ├── CallError              AssertionError    a call that breaks a documented rule of a function
    │   └── RepeatedCallError  RuntimeError      a second call of a method that may be called once
    ├── DatasetError           RuntimeError      a raw dataset; lists all problems found, one per line
    │   └── DatasetLayoutError AssertionError    dataset.json, folders, names
    ├── MissingFileError       FileNotFoundError a required file or folder does not exist
    │   └── IncompleteModelError RuntimeError, AssertionError  a trained model lacks folds or files; lists them all
    ├── OutputExistsError      FileExistsError   an output folder that is not empty
    ├── DownloadError          OSError           a URL that cannot be fetched
    ├── CheckpointError        RuntimeError      a checkpoint that cannot be used here
    │   ├── DamagedCheckpointError               its file is cut off or damaged
    │   ├── CheckpointMismatchError    AssertionError   its weights are those of another network
    │   └── IncompleteCheckpointError  KeyError         an entry is missing
    ├── CaseFailedError        RuntimeError      one case failed; names it
    ├── CasesFailedError       RuntimeError      several cases failed, the others are finished
    ├── WorkerDiedError        RuntimeError      a worker process was killed; names case and signal
    ├── NonFiniteLossError     RuntimeError      the loss of a training step is not a finite number
    └── ClaimError             RuntimeError      a slide that another worker has taken over

Each class also derives from the built-in exception that code written for nnU-Net catches.
"""

from collections.abc import Sequence
from zipfile import BadZipFile

from s1.errors import DomainMapError, DriftError, ImageProblemError, UnfitImageError

__all__ = [
    "AnnotationError",
    "ArchiveError",
    "ArgumentError",
    "CallError",
    "CaseFailedError",
    "CasesFailedError",
    "CheckpointError",
    "CheckpointMismatchError",
    "ClaimError",
    "DamagedCheckpointError",
    "DatasetError",
    "DatasetLayoutError",
    "DomainMapError",
    "DownloadError",
    "DriftError",
    "ImageProblemError",
    "IncompleteCheckpointError",
    "IncompleteModelError",
    "InvalidOutputError",
    "InvalidValueError",
    "MissingEntryError",
    "MissingFileError",
    "MissingPixelSizeError",
    "NonFiniteLossError",
    "OutputExistsError",
    "RepeatedCallError",
    "SettingsError",
    "SlideError",
    "SlideTooCoarseError",
    "UnfitImageError",
    "UnknownNetworkError",
    "UnreadableSlideError",
    "WorkerDiedError",
    "WrongClassError",
    "WrongShapeError",
]


class SlideError(ImageProblemError):
    """A whole slide, or a file that belongs to it, cannot be used."""


class MissingPixelSizeError(SlideError):
    """A slide or a model does not state its micrometres per pixel."""


class UnreadableSlideError(SlideError):
    """A slide cannot be opened, or a part of it cannot be read."""


class SlideTooCoarseError(SlideError):
    """The pixels of a slide are so much larger than the model's that enlarging it would invent detail."""


class AnnotationError(SlideError):
    """A file of annotations is damaged, hostile, or does not match its slide."""


class ClaimError(DriftError, RuntimeError):
    """Another worker has taken over a slide; whoever gets this error leaves it alone."""


class SettingsError(DriftError, RuntimeError):
    """An environment variable, a command-line argument or a plans entry is missing or unusable."""


class ArgumentError(SettingsError, AssertionError):
    """Arguments exclude each other, or one is not among its choices."""


class MissingEntryError(SettingsError, KeyError):
    """Plans lack a required entry."""

    __str__ = Exception.__str__


class UnknownNetworkError(SettingsError, ImportError):
    """Plans name a network class, or an argument of one, that cannot be imported."""


class WrongClassError(SettingsError, AssertionError):
    """A class found by name, or an object passed as an argument, is not of the required class."""


class InvalidValueError(DriftError, ValueError):
    """A value is outside its range."""


class WrongShapeError(InvalidValueError, AssertionError):
    """An array has the wrong shape."""


class InvalidOutputError(InvalidValueError, AssertionError):
    """An output file has a name that it must not have, or an output would replace an input."""


class ArchiveError(InvalidValueError, BadZipFile):
    """A zip file is damaged, contains no model, or has entries that must not be unpacked."""


class CallError(DriftError, AssertionError):
    """A call breaks a documented rule of a function (nnU-Net raises AssertionError for these)."""


class RepeatedCallError(CallError, RuntimeError):
    """A method that may be called once was called again."""


class DatasetError(DriftError, RuntimeError):
    """A raw dataset has problems; `problems` lists them all, one line each."""

    def __init__(self, summary: str, problems: Sequence[str] = ()):
        self.problems = tuple(problems)
        super().__init__("\n".join([summary, *(f"  {problem}" for problem in self.problems)]))
        self.summary = summary

    def __reduce__(self) -> tuple[type["DatasetError"], tuple[str, tuple[str, ...]]]:
        return type(self), (self.summary, self.problems)


class DatasetLayoutError(DatasetError, AssertionError):
    """dataset.json, the folders or the file names of a dataset do not follow nnU-Net's layout."""


class MissingFileError(DriftError, FileNotFoundError):
    """A required file or folder does not exist."""


class IncompleteModelError(MissingFileError, RuntimeError, AssertionError):
    """A trained model lacks folds, checkpoints or files; `problems` lists them all, one line each."""

    def __init__(self, summary: str, problems: Sequence[str] = ()):
        self.problems = tuple(problems)
        super().__init__("\n".join([summary, *(f"  {problem}" for problem in self.problems)]))
        self.summary = summary

    def __reduce__(self) -> tuple[type["IncompleteModelError"], tuple[str, tuple[str, ...]]]:
        return type(self), (self.summary, self.problems)


class OutputExistsError(DriftError, FileExistsError):
    """An output folder exists and is not empty."""


class DownloadError(DriftError, OSError):
    """A URL is invalid, its server refuses, or the connection breaks off."""


class CheckpointError(DriftError, RuntimeError):
    """A checkpoint is damaged, of another network, or contains types that are refused."""


class DamagedCheckpointError(CheckpointError):
    """The file of a checkpoint is cut off or damaged, or is none."""


class CheckpointMismatchError(CheckpointError, AssertionError):
    """The weights of a checkpoint are those of another network."""


class IncompleteCheckpointError(CheckpointError, KeyError):
    """A checkpoint lacks a required entry."""

    __str__ = Exception.__str__  # KeyError would show the quoted representation


class CaseFailedError(DriftError, RuntimeError):
    """Processing of one case failed.

    `case` is its name; `worker_traceback` is the text of the traceback if the cause looks like a bug, else None.
    """

    def __init__(self, case: str, reason: str, worker_traceback: str | None = None):
        super().__init__(f"case {case}: {reason}")
        self.case = case
        self.reason = reason
        self.worker_traceback = worker_traceback

    def __reduce__(self) -> tuple[type["CaseFailedError"], tuple[str, str, str | None]]:
        return type(self), (self.case, self.reason, self.worker_traceback)


class DiskFullError(CaseFailedError):
    """A case could not be written because the disk is full; no other case could be, so the work ends."""


class CasesFailedError(DriftError, RuntimeError):
    """Several cases failed, the others are finished; `failures` holds one error per failed case."""

    def __init__(self, failures: Sequence[BaseException]):
        self.failures = tuple(failures)
        super().__init__("\n".join([f"{len(self.failures)} cases failed", *(f"  {error}" for error in self.failures)]))

    @property
    def worker_traceback(self) -> str | None:
        """The tracebacks of the failures that look like bugs, None if there are none."""
        return "".join(getattr(error, "worker_traceback", None) or "" for error in self.failures) or None

    def __reduce__(self) -> tuple[type["CasesFailedError"], tuple[tuple[BaseException, ...]]]:
        return type(self), (self.failures,)


class NonFiniteLossError(DriftError, RuntimeError):
    """The loss of a training step is not a finite number; names the cases of its batch."""


class WorkerDiedError(DriftError, RuntimeError):
    """A worker process ended without a result, for example because the system killed it."""
