"""The files that describe a dataset cut from slides: dataset.json, groups, domains, and what each tile shows."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnunetv2.dataset_conversion.generate_dataset_json import generate_dataset_json
from nnunetv2.foundation.files import replacing, write_json
from nnunetv2.pathology.dataset.class_labels import ClassLabels
from nnunetv2.pathology.dataset.slide_domains import Grouping, SlideFacts
from nnunetv2.pathology.dataset.tiling_settings import CHANNELS, TilingSettings
from nnunetv2.pathology.slides.colour_profile import NONE
from nnunetv2.pathology.slides.model_entry import ENTRY
from s1.domain_files import write_domain_map
from s1.domain_map import DomainMap

DATASET, GROUPS, DOMAINS, TILES, SLIDES = "dataset.json", "groups.json", "domains.json", "tiles.csv", "slides.json"
_COLUMNS = ("case", "slide", "x", "y", "level", "tissue_share", "mpp")
RESAMPLING = "triangle"

Record = dict[str, Any]


@dataclass(frozen=True)
class TiledDataset:
    """All that is written about the tiles of some slides.

    Parameters:
        records: of the slides, as the tile writer returns them.
    """

    records: Sequence[Record]
    settings: TilingSettings
    classes: ClassLabels
    grouping: Grouping

    @property
    def cases(self) -> dict[str, str]:
        """Case -> its slide."""
        return {tile["case"]: record["name"] for record in self.records for tile in record["tiles"]}

    @property
    def doubts(self) -> list[str]:
        """One line for each class that no tile shows."""
        seen = {name for record in self.records for tile in record["tiles"] for name in tile["labels"]}
        return [
            f"no tile shows the class {name} (label {value}): its areas lie outside of the tiles, or classes drawn"
            " later cover them (--labels gives the order)"
            for name, value in self.classes.foreground.items()
            if name not in seen
        ]

    def write(self, folder: Path) -> None:
        """Write all files, dataset.json last: without it, the folder is no dataset yet.

        Raises SlideError, one line for each slide, if slides have no domain or group.
        """
        facts = [_facts(record) for record in self.records]
        domains, groups = self.grouping.domains(facts), self.grouping.groups(facts)
        self._write_tiles(folder / TILES)
        slides = [
            {**record, "domain": domains.get(record["name"]), "group": groups[record["name"]]}
            for record in self.records
        ]
        settings = self.settings.to_dict()
        about = {"dataset": folder.name, "settings": settings, "labels": dict(self.classes.values)}
        write_json({**about, "slides": slides}, folder / SLIDES)
        write_json({"groups": {case: groups[slide] for case, slide in self.cases.items()}}, folder / GROUPS)
        if domains:
            write_domain_map(self._domain_map(domains), folder / DOMAINS)
        self._write_dataset_json(folder)

    def _domain_map(self, domains: Mapping[str, str]) -> DomainMap:
        cases: dict[str, list[str]] = {}
        for case, slide in self.cases.items():
            cases.setdefault(domains[slide], []).append(case)
        return DomainMap({name: tuple(members) for name, members in sorted(cases.items())})

    def _write_tiles(self, target: Path) -> None:
        """Write a row for each tile, with the share of each label."""
        names = list(self.classes.values)
        with replacing(target) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
            table = csv.writer(stream, lineterminator="\n")
            table.writerow([*_COLUMNS, *(f"share_{name}" for name in names)])
            for record in self.records:
                for tile in record["tiles"]:
                    values = {**tile, "slide": record["name"]}
                    shares = [tile["labels"].get(name, 0) for name in names]
                    table.writerow([*(values[column] for column in _COLUMNS), *shares])

    def _write_dataset_json(self, folder: Path) -> None:
        channels = {str(number): name for number, name in enumerate(CHANNELS[self.settings.channels])}
        labels = dict(sorted(self.classes.values.items(), key=lambda entry: entry[1]))
        drift = {
            "mpp": self.settings.mpp,
            "tile": self.settings.tile,
            "reader": ", ".join(sorted({record["reader"] for record in self.records})),
            "resampling": RESAMPLING,
            "icc": None if self.settings.icc == NONE else self.settings.icc,
        }
        further: dict[str, Any] = {"converted_by": "drift slide tile", ENTRY: drift}
        generate_dataset_json(str(folder), channels, labels, len(self.cases), ".png", **further)


def _facts(record: Record) -> SlideFacts:
    table = record["table"]
    return SlideFacts(
        record["name"], record["path"], record["scanner"], record["serial"], table["domain"], table["group"]
    )
