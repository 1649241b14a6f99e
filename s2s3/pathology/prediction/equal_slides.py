"""Slides with the same content, as copies in an archive have: the first is predicted, the others get its outputs."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from nnunetv2.errors import OutputExistsError
from nnunetv2.file_kinds.slide_files import WITH_OUTPUTS
from nnunetv2.pathology.outputs.bands import file_stamp
from nnunetv2.pathology.outputs.written_files import link_outputs, remove_run
from nnunetv2.pathology.prediction.earlier_outputs import is_finished
from nnunetv2.pathology.prediction.slide_state import SlideState, read_state
from nnunetv2.pathology.slides.slide_list import SlideEntry
from nnunetv2.pathology.slides.slide_parts import parts_of_slide
from nnunetv2.pathology.slides.watched_reader import HangingReadError, watched_chunks, within

_NOT_OF_A_LINK = ("seconds", "wait_share")
"""What a prediction took; sums over all slides would count it again."""


@dataclass(frozen=True)
class EqualSlide:
    """A slide that seems to have the same content as a later one of the list."""

    entry: SlideEntry
    folder: Path
    """Of its outputs."""


def seemingly_equal(entries: Sequence[SlideEntry], output: Path, timeout_s: float) -> dict[str, EqualSlide]:
    """Return name -> the first slide in the list of the same size, ends and given pixel size, if that is another one.

    Slides of several files are left out; all are if one cannot be looked at in time.
    """
    try:
        sizes = _groups(entries, lambda entry: within(timeout_s, entry.path, lambda: _size(entry)))
        groups = [
            group for alike in sizes for group in _groups(alike, lambda e: within(timeout_s, e.path, lambda: _ends(e)))
        ]
    except HangingReadError:
        return {}
    return {other.name: EqualSlide(first, output / first.name) for first, *others in groups for other in others}


def take_over(
    equal: EqualSlide, wanted: Mapping[str, Any], folder: Path, check: Callable[[], None], timeout_s: float
) -> dict[str, Any] | None:
    """Give a slide the outputs of an equal one, as hard links where the file system has them; return its state.

    None if that one is not done as is asked for now, or the slides differ after all: they are compared whole.

    Parameters:
        wanted: entries `slide`, `path`, `model`, `settings` and `source` of the state of the slide.
        folder: of the slide; what is there is replaced.
        check: raises ClaimError if the slide belongs to another process.
        timeout_s: how long reading a part of a slide may take.
    """
    before = read_state(equal.folder)
    if not _is_wanted(before, equal.folder, wanted) or not _same(equal.entry.path, str(wanted["path"]), timeout_s):
        return None
    state = SlideState(folder, wanted, check)
    try:
        remove_run(folder)
        link_outputs(equal.folder, folder)
    except OSError as error:  # a full disk; a slide that seems to run would count as ended by its process
        state.stop(error)
        raise
    if read_state(equal.folder) != before:  # predicted anew meanwhile, which begins with removing its outputs
        remove_run(folder)
        state.stop()
        return None
    taken = {key: value for key, value in before.items() if key not in (*state.content, *_NOT_OF_A_LINK)}
    line = f"the same file as {equal.entry.path}; the outputs are those of {equal.entry.name}"
    warnings = [*taken.pop("warnings", ()), line]
    return state.finish(before["state"], **taken, warnings=warnings, linked_to=equal.entry.name)


def _groups(entries: Iterable[SlideEntry], key: Callable[[SlideEntry], Hashable]) -> list[list[SlideEntry]]:
    """Return the entries with the same key, where there are several; None is no key."""
    groups: defaultdict[Hashable, list[SlideEntry]] = defaultdict(list)
    for entry in entries:
        groups[key(entry)].append(entry)
    return [group for found, group in groups.items() if found is not None and len(group) > 1]


def _size(entry: SlideEntry) -> Hashable:
    """Return the size of a slide of one file, with its given pixel size; None for others."""
    path = Path(entry.path)
    with suppress(OSError):
        if parts_of_slide(path) == [path]:
            return path.stat().st_size, entry.mpp
    return None


def _ends(entry: SlideEntry) -> Hashable:
    with suppress(OSError):
        stamp = file_stamp(entry.path)
        return stamp["size"], stamp["hash"], entry.mpp
    return None


def _is_wanted(before: Mapping[str, Any], folder: Path, wanted: Mapping[str, Any]) -> bool:
    if before.get("state") not in WITH_OUTPUTS or folder.is_symlink():
        return False
    with suppress(OutputExistsError):  # done with another model or other settings
        return is_finished(folder, before, wanted)
    return False


def _same(first: str, second: str, timeout_s: float) -> bool:
    """Tell whether two files have the same bytes; files that cannot be read have not."""
    with suppress(OSError, HangingReadError):
        pairs = zip_longest(watched_chunks(first, timeout_s), watched_chunks(second, timeout_s))
        return all(one == other for one, other in pairs)
    return False
