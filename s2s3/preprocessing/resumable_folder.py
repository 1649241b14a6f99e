"""A folder of preprocessed cases that an interrupted run leaves in order and the next run completes.

Each case is written to a staging folder, moved when it is complete, and then entered in a journal next to the data
folder. The journal tells how the cases were made, from which files and into which; a case counts as finished as long
as none of this has changed. The data folder itself only ever holds complete cases. One process at a time may work on
it. It may be a link to a folder elsewhere.
"""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nnunetv2.errors import InvalidValueError, SettingsError
from nnunetv2.file_kinds.result_files import FINISHED_CASE
from nnunetv2.foundation.file_lock import FileLock
from nnunetv2.foundation.files import replacing
from nnunetv2.foundation.journal import Stamp, append_to_journal, journal_line, read_journal, stamp

JOURNAL_VERSION = 1
_PROPERTIES_ENDING = ".pkl"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ResumableFolder:
    """The folder for the cases of one configuration. Picklable, so that workers can finish cases themselves."""

    folder: Path

    @property
    def journal(self) -> Path:
        """File with one line of JSON for the recipe, then one per finished case."""
        return self._beside(".journal.jsonl")

    @property
    def staging(self) -> Path:
        """Folder of the cases that are being written."""
        return self._beside(".partial")

    @cached_property
    def _lock(self) -> FileLock:
        return FileLock(self._beside(".lock"))

    def _beside(self, ending: str) -> Path:
        """Return a path on the same disk, so that cases can be moved from there."""
        folder = self.folder.resolve()
        return folder.with_name(folder.name + ending)

    def prepare(self, recipe: Any, sources: Mapping[str, Iterable[str]]) -> set[str]:
        """Remove everything from the folder except finished cases, and return these. Locks the folder until `tidy`.

        A warning is logged if finished cases have to be preprocessed again.

        Parameters:
            recipe: all that decides how a case is preprocessed, in JSON types.
            sources: case -> paths of the files it is made from.

        Raises SettingsError while another process works on the folder.
        """
        self.folder.resolve().mkdir(parents=True, exist_ok=True)
        if not self._lock.take():
            raise SettingsError(
                f"{self.folder}: another command is writing into it; wait until it has finished, or stop it"
            )
        try:
            header = {"version": JOURNAL_VERSION, "recipe": _digest(recipe)}
            entries = self._still_valid(header, sources)
            with replacing(self.journal) as temporary:
                temporary.write_text("".join(map(journal_line, (header, *entries.values()))))
            self._keep_only(entries.values())
            self.clear_staging()
        except BaseException:
            self._lock.release()
            raise
        return set(entries)

    def begin(self, case: str) -> str:
        """Return the path, without ending, that the files of the case have to be written to."""
        place = self.staging / case
        place.mkdir(parents=True, exist_ok=True)
        return str(place / case)

    def finish(self, case: str, source_stamps: list[Stamp]) -> None:
        """Move the files of the case into the folder, the properties last, and enter it in the journal."""
        place = self.staging / case
        names = sorted(os.listdir(place), key=lambda name: (name.endswith(_PROPERTIES_ENDING), name))
        for name in names:
            os.replace(place / name, self.folder / name)
        place.rmdir()
        outputs = [stamp(self.folder / name, name) for name in names]
        append_to_journal(self.journal, {"case": case, "sources": source_stamps, "outputs": outputs})

    def tidy(self) -> None:
        """Remove files that do not belong to a finished case and unlock the folder; call this however a run ended."""
        try:
            self.clear_staging()
            self._keep_only(self._entries().values())
        finally:
            self._lock.release()

    def clear_staging(self) -> None:
        """Remove the files of cases that were not finished."""
        shutil.rmtree(self.staging, ignore_errors=True)

    def _still_valid(self, header: dict[str, Any], sources: Mapping[str, Iterable[str]]) -> dict[str, dict[str, Any]]:
        known = {case: entry for case, entry in self._entries().items() if case in sources}
        if self._header() != header:
            self._announce_repetition("plans or code changed", len(known))
            return {}
        valid = {
            case: entry
            for case, entry in known.items()
            if entry["sources"] == [stamp(path) for path in sources[case]]
            and entry["outputs"] == [stamp(self.folder / name, name) for name, _, _ in entry["outputs"]]
        }
        self._announce_repetition("their files changed", len(known) - len(valid))
        return valid

    def _announce_repetition(self, reason: str, count: int) -> None:
        if count:
            _log.warning("%s: %s, %d finished case(s) are preprocessed again", self.folder, reason, count)

    def _header(self) -> Any:
        lines = self._lines()
        return lines[0] if lines else None

    def _entries(self) -> dict[str, dict[str, Any]]:
        return {line["case"]: line for line in self._lines()[1:] if not FINISHED_CASE.problems(line)}

    def _lines(self) -> list[Any]:
        return read_journal(self.journal)

    def _keep_only(self, entries: Iterable[dict[str, Any]]) -> None:
        kept = {name for entry in entries for name, _, _ in entry["outputs"]}
        with os.scandir(self.folder) as found:
            for item in found:
                if item.is_dir(follow_symlinks=False):
                    shutil.rmtree(item.path)
                elif item.name not in kept:
                    os.unlink(item.path)


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, default=str).encode()).hexdigest()


def data_folder(dataset_folder: Path, data_identifier: str) -> Path:
    """Return the folder for the cases, which is emptied of anything else, so that it must not be another one."""
    plain = Path(data_identifier).name == data_identifier and data_identifier not in ("", "..", "gt_segmentations")
    if not plain:
        raise InvalidValueError(
            f"plans of {dataset_folder.name}: data_identifier is {data_identifier!r}, expected the name of a folder of "
            "its own for the preprocessed cases"
        )
    return dataset_folder / data_identifier
