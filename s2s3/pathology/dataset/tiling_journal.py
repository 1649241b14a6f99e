"""The folder of a dataset that is cut from slides: what is finished stays, what was interrupted leaves nothing behind.

The tiles of a slide are written to a staging folder, moved when all are complete, and then entered in a journal, with
the slide and the annotation that they come from. The journal begins with the settings, which are the same for all
slides. Files of others in the same folder are never touched.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nnunetv2.errors import OutputExistsError, SettingsError
from nnunetv2.file_kinds.tiling_files import FINISHED_SLIDE
from nnunetv2.foundation.file_lock import FileLock
from nnunetv2.foundation.files import replacing
from nnunetv2.foundation.journal import Stamp, append_to_journal, read_journal, stamp
from nnunetv2.pathology.dataset.tile_writer import IMAGES, LABELS, OVERLAY
from nnunetv2.pathology.setting_checks import first_difference

OVERLAYS = "overlays"
_VERSION = 1
_TILE_NAME = re.compile(r"(?P<slide>[A-Za-z0-9_-]+)_x\d{6,}_y\d{6,}(_0000)?\.png")

Record = dict[str, Any]


@dataclass(frozen=True)
class TilingJournal:
    """The journal in the hidden folder `.tiling` of a dataset. One process at a time may work on the dataset."""

    dataset: Path

    @property
    def _folder(self) -> Path:
        return self.dataset / ".tiling"

    @property
    def file(self) -> Path:
        """One line of JSON for the settings, then one for each finished slide."""
        return self._folder / "journal.jsonl"

    @cached_property
    def _lock(self) -> FileLock:
        return FileLock(self._folder / "lock")

    def open(self, settings: Mapping[str, Any], overwrite: bool) -> None:
        """Lock the dataset and begin or continue its journal.

        Raises OutputExistsError for a dataset that others made, or, unless it is to be overwritten, one with other
        settings; SettingsError while another process works on it.
        """
        if self.dataset.exists() and not self._folder.is_dir() and any(self.dataset.iterdir()):
            raise OutputExistsError(
                f"{self.dataset} exists and was not made by `drift slide tile`; choose another -d or -n, or remove it"
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._lock.take():
            raise SettingsError(f"{self.dataset}: another command is writing into it; wait until it has finished")
        try:
            self._begin(settings, overwrite)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Remove what is not finished, or all if nothing is, and unlock the dataset."""
        shutil.rmtree(self._staging, ignore_errors=True)
        is_empty = not self._entries() and os.listdir(self.dataset) == [self._folder.name]
        self._lock.release()
        if is_empty:
            shutil.rmtree(self.dataset, ignore_errors=True)

    def slide_paths(self) -> dict[str, str]:
        """Return name, in lower case, -> path of each slide in the journal."""
        return {name.lower(): str(entry["sources"][0][0]) for name, entry in self._entries().items()}

    def finished(self, sources: Mapping[str, list[Stamp]]) -> dict[str, Record]:
        """Return slide -> record of those that are finished, and remove the tiles of those that are not any more.

        Parameters:
            sources: slide -> stamps of what its tiles are made from; slides of earlier commands count as finished.
        """
        entries = self._entries()
        valid = {
            name: entry
            for name, entry in entries.items()
            if (name not in sources or entry["sources"] == sources[name])
            and entry["outputs"] == [stamp(path, str(path.relative_to(self.dataset))) for path in self._files(entry)]
        }
        self._write([self._header(), *valid.values()])
        self._remove_tiles_of((set(sources) | set(entries)) - set(valid))
        return {name: entry["record"] for name, entry in valid.items()}

    def staging(self, slide: str) -> Path:
        """Return the folder for the files of a slide that is being cut."""
        return self._staging / slide

    def finish(self, record: Record, sources: list[Stamp]) -> None:
        """Move the files of a slide into the dataset and enter it in the journal.

        Parameters:
            sources: stamps from before the slide was cut.
        """
        entry: Record = {"sources": sources, "outputs": [], "record": record}
        place = self.staging(record["name"])
        for target in self._files(entry):
            target.parent.mkdir(exist_ok=True)
            folder = place if target.parent.name == OVERLAYS else place / target.parent.name
            os.replace(folder / (OVERLAY if target.parent.name == OVERLAYS else target.name), target)
        entry["outputs"] = [stamp(path, str(path.relative_to(self.dataset))) for path in self._files(entry)]
        shutil.rmtree(place, ignore_errors=True)
        append_to_journal(self.file, entry)

    @property
    def _staging(self) -> Path:
        return self._folder / "partial"

    def _begin(self, settings: Mapping[str, Any], overwrite: bool) -> None:
        header = {"version": _VERSION, "settings": json.loads(json.dumps(settings))}
        before = self._header()
        if before == header:
            return
        entries = self._entries()
        if entries and not overwrite:
            raise OutputExistsError(f"{self.dataset} {_difference(before, header)}. Use another -d or --overwrite")
        self._write([header])
        self._remove_tiles_of(set(entries))

    def _files(self, entry: Record) -> Iterator[Path]:
        """Yield the files of a slide in the dataset."""
        for tile in entry["record"]["tiles"]:
            yield self.dataset / IMAGES / f"{tile['case']}_0000.png"
            yield self.dataset / LABELS / f"{tile['case']}.png"
        yield self.dataset / OVERLAYS / f"{entry['record']['name']}.png"

    def _remove_tiles_of(self, slides: set[str]) -> None:
        """Remove the tiles of slides, by their names; files of other names are somebody else's."""
        for name in (IMAGES, LABELS):
            folder = self.dataset / name
            for file in sorted(folder.iterdir()) if slides and folder.is_dir() else ():
                tile = _TILE_NAME.fullmatch(file.name)
                if tile and tile["slide"] in slides:
                    file.unlink()
        for slide in slides:
            (self.dataset / OVERLAYS / f"{slide}.png").unlink(missing_ok=True)

    def _header(self) -> Any:
        return next(iter(self._lines()), None)

    def _entries(self) -> dict[str, Record]:
        lines = self._lines()[1:]
        return {line["record"]["name"]: line for line in lines if not FINISHED_SLIDE.problems(line)}

    def _lines(self) -> list[Any]:
        return read_journal(self.file)

    def _write(self, lines: list[Any]) -> None:
        with replacing(self.file) as temporary:
            temporary.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")


def _difference(before: Any, now: Mapping[str, Any]) -> str:
    """Return which setting is another one, as the end of a sentence that starts with the folder."""
    found = before.get("settings") if isinstance(before, dict) else None
    if not isinstance(found, dict):
        return "has a journal that cannot be read"
    difference = first_difference(found, now["settings"])
    return f"was made with {difference}" if difference else "was made by another version"
