"""Who works on which slide: a claim is a file in the slide's folder that only one process can create.

Nothing else is needed between processes and machines that share an output folder. A claim is alive while its process
touches it; whoever finds a dead one takes it over, and its former owner, should it awake, notices.
"""

import json
import os
import re
import socket
import stat
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from nnunetv2.errors import ClaimError
from nnunetv2.file_kinds.slide_files import SLIDE_CLAIM
from nnunetv2.foundation.files import make_folder
from s1.files import blaming
from s1.json_files import NotJson, check_json, parse_json

CLAIM_NAME = ".claim"
TOUCHED_EVERY_S = 30.0
STALE_AFTER_S = 600.0
_LARGEST_BYTES = 4096
_LARGEST_PID = 2**31 - 1
_UUID = re.compile("[0-9a-f]{32}")
_FOLLOWS_LINKS = os.utime not in os.supports_follow_symlinks
"""Only where the system cannot do otherwise."""
_BOOT_ID, _PROCESSES = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")


@dataclass(frozen=True)
class ClaimOwner:
    """The process that a claim names."""

    host: str
    pid: int
    boot: str
    """Tells this start of this computer, and its process numbers, from others; empty where the system does not say."""
    uuid: str

    @classmethod
    def this_process(cls) -> "ClaimOwner":
        """Return a new name for a claim of this process."""
        return cls(socket.gethostname(), os.getpid(), _this_boot(), uuid.uuid4().hex)

    @property
    def is_known_dead(self) -> bool:
        """Whether it ran here, and does not any more; False where nobody can tell."""
        if not self.boot or self.boot != _this_boot():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:  # another user's
            return False
        return False


@dataclass(frozen=True)
class FoundClaim:
    """A claim as it was found.

    Parameters:
        owner: None if the file says nothing sensible, as in the moment of its making.
        age_s: since it was touched, by the clock of the file system.
        mode: of the file, as of `os.lstat`. Only a plain file can be a claim.
    """

    owner: ClaimOwner | None
    age_s: float
    mode: int = stat.S_IFREG

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder, which nobody made as a claim, and which is left alone."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_stale(self) -> bool:
        """Whether its process is gone."""
        if not stat.S_ISREG(self.mode):
            return not self.is_folder
        return self.age_s > STALE_AFTER_S or (self.owner is not None and self.owner.is_known_dead)

    @property
    def holder(self) -> str:
        """Who has the slide, and for how long it was silent."""
        if self.is_folder:
            return f"{CLAIM_NAME} is a folder, remove it"
        who = f"{self.owner.host} {self.owner.pid}" if self.owner else "unknown"
        return f"{who} ({'gone' if self.is_stale else f'{self.age_s:.0f} s ago'})"


class Claim:
    """A claim of this process on a slide, from `take_claim` to `release`."""

    def __init__(self, folder: Path, owner: ClaimOwner):
        self._folder, self._owner = folder, owner
        self._ended = threading.Event()
        self._toucher = threading.Thread(target=self._keep_alive, daemon=True)
        self._toucher.start()

    @property
    def is_own(self) -> bool:
        """Whether it still belongs to this process."""
        return _read_owner(self._folder / CLAIM_NAME) == self._owner

    def check(self) -> None:
        """Raise ClaimError if another process has taken the slide over."""
        if not self.is_own:
            raise ClaimError(f"{self._folder}: another process has taken this slide over, it is left to that one")

    def release(self) -> None:
        """Give the slide back."""
        self._ended.set()
        self._toucher.join()
        if self.is_own:
            (self._folder / CLAIM_NAME).unlink(missing_ok=True)

    def _keep_alive(self) -> None:
        while not self._ended.wait(TOUCHED_EVERY_S):
            with suppress(OSError):  # a network that is away; the next time may do
                if self.is_own:
                    os.utime(self._folder / CLAIM_NAME, follow_symlinks=_FOLLOWS_LINKS)


@contextmanager
def claiming(folder: Path) -> Iterator[Claim | None]:
    """Hold, in this context, the claim on a slide's folder; None if another process has it."""
    claim = take_claim(folder)
    try:
        yield claim
    finally:
        if claim is not None:
            claim.release()


def take_claim(folder: Path) -> Claim | None:
    """Return the claim on a slide's folder, which is made if need be; None if another process has it.

    Raises ClaimError if the folder is a link, as nothing is written elsewhere, or a folder is in place of the claim.
    """
    if folder.is_symlink():
        raise ClaimError(f"{folder} is a link, expected a folder: remove it, outputs are written into its parent only")
    make_folder(folder, "the output folder")
    owner = ClaimOwner.this_process()
    if _create(folder, owner):
        return Claim(folder, owner)
    if release_stale(folder) and _create(folder, owner):
        return Claim(folder, owner)
    found = find_claim(folder)
    if found is not None and found.is_folder:
        raise ClaimError(f"{folder / CLAIM_NAME} is a folder, expected a file that drift slide predict made: remove it")
    return None


def find_claim(folder: Path) -> FoundClaim | None:
    """Return the claim in a slide's folder, None if there is none."""
    file = folder / CLAIM_NAME
    try:
        found = os.lstat(file)
    except OSError:
        return None
    return FoundClaim(_read_owner(file), _now_there(folder) - found.st_mtime, found.st_mode)


def release_stale(folder: Path) -> bool:
    """Remove the claim of a process that is gone; tell whether there is none now that was.

    Of several processes that find the same dead claim, the one that creates a marker with its name removes it.
    """
    found = find_claim(folder)
    if found is None:
        return True
    if not found.is_stale:
        return False
    name = found.owner.uuid if found.owner else "unreadable"
    marker = folder / f"{CLAIM_NAME}.{name}"
    if not _create_file(marker, b"") and not _is_forgotten(marker, folder):
        return False
    try:
        now = find_claim(folder)
        if now is None or now.owner != found.owner or not now.is_stale:
            return now is None
        (folder / CLAIM_NAME).unlink(missing_ok=True)
        return True
    finally:
        marker.unlink(missing_ok=True)


def _is_forgotten(marker: Path, folder: Path) -> bool:
    """Tell whether the process that made a marker has died in the middle."""
    try:
        return _now_there(folder) - os.lstat(marker).st_mtime > STALE_AFTER_S
    except OSError:
        return False


def _create(folder: Path, owner: ClaimOwner) -> bool:
    return _create_file(folder / CLAIM_NAME, json.dumps(asdict(owner)).encode())


def _create_file(file: Path, content: bytes) -> bool:
    """Create a file; False if there is one, or a link, of this name. On a full disk none is left."""
    try:
        descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    except FileExistsError:
        return False
    try:
        with blaming(file), open(descriptor, "wb") as stream:
            stream.write(content)
    except OSError:
        file.unlink(missing_ok=True)  # an empty claim would be waited for until it is stale
        raise
    return True


def _read_owner(file: Path) -> ClaimOwner | None:
    """Return whom a claim names; None if there is none, or it is a link or anything else that we did not write."""
    try:
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as stream:
            content = parse_json(stream.read(_LARGEST_BYTES))
        check_json(content, file, SLIDE_CLAIM, ClaimError)
    except (OSError, NotJson, ClaimError):
        return None
    owner = ClaimOwner(**{field.name: content[field.name] for field in fields(ClaimOwner)})
    return owner if _UUID.fullmatch(owner.uuid) and owner.pid <= _LARGEST_PID else None


def _now_there(folder: Path) -> float:
    """Return the time by the clock that gives files in a folder their times, which on a share is the server's."""
    file = folder / f".clock.{uuid.uuid4().hex}"
    descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        return os.fstat(descriptor).st_mtime
    finally:
        os.close(descriptor)
        file.unlink(missing_ok=True)


def _this_boot() -> str:
    try:
        return f"{_BOOT_ID.read_text().strip()} {os.readlink(_PROCESSES)}"
    except OSError:
        return ""
