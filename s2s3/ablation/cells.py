"""One training of an ablation, its folder and its result file.

A cell is done when its folder has a `result.json`, which is written last. While a process works on a cell it holds the
folder's lock, so several processes, also on several machines, can share an ablation; a killed one only frees its cell.
"""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nnunetv2.ablation.budget import Budget
from nnunetv2.ablation.case_scores import CALIBRATION_BINS
from nnunetv2.ablation.protocols import Part, Protocol
from nnunetv2.ablation.scored_groups import SCORES
from nnunetv2.ablation.unseen_flag import DISTANCE, LIMIT
from nnunetv2.errors import InvalidValueError, SettingsError
from nnunetv2.foundation.files import read_json
from s1.json_files import JsonFile
from s1.json_schema import NAME, NUMBER, OBJECT, TEXT, ListOf, Record, Value, number, optional

RESULT = "result.json"
VERSION = 1
_SCORE = optional(number(0, 1))
_DISTANCE = optional(number(0))
_MOST_PIXELS = 1e12
_CASE = Record(
    {
        "case": NAME,
        "set": Value("seen or unseen", lambda name: name in ("seen", "unseen")),
        **dict.fromkeys(SCORES, _SCORE),
        "calibration": ListOf(ListOf(number(0, _MOST_PIXELS), 3, 3), CALIBRATION_BINS, CALIBRATION_BINS),
    },
    {"features": ListOf(NUMBER), DISTANCE: _DISTANCE, LIMIT: _DISTANCE},
)
_RESULT_FILE = JsonFile(
    "result of an ablation",
    Record(
        {
            "version": Value(f"the number {VERSION}", lambda value: value == VERSION),
            "cell": OBJECT,
            "budget": OBJECT,
            "versions": Record({"nnunetv2": TEXT}),
            "device": TEXT,
            "training_s": NUMBER,
            "scores": ListOf(_CASE, 1),
        }
    ),
    "remove its folder to train the cell again",
)
_CANDIDATE = re.compile(r"(?P<trainer>\w+)(:(?P<plans>\w+))?(@(?P<checkpoint>final|best))?")


@dataclass(frozen=True)
class Candidate:
    """A row of the table: a trainer, the plans it follows and the checkpoint that is judged."""

    trainer: str
    plans: str = "nnUNetPlans"
    checkpoint: str = "final"
    """final: the weights after the last step; best: those chosen on the validation cases."""

    @classmethod
    def parse(cls, text: str) -> "Candidate":
        """Return the candidate of `TRAINER[:PLANS][@best]`. Raises SettingsError for another form."""
        found = _CANDIDATE.fullmatch(text)
        if found is None:
            raise SettingsError(f"{text!r} names no trainer; expected TRAINER, TRAINER:PLANS or TRAINER@best")
        return cls(**{key: value for key, value in found.groupdict().items() if value})

    def __str__(self) -> str:
        plans = "" if self.plans == "nnUNetPlans" else f":{self.plans}"
        return f"{self.trainer}{plans}{'' if self.checkpoint == 'final' else '@best'}"


@dataclass(frozen=True)
class Cell:
    """One training: what is learned from, by whom, from which seed."""

    dataset: str
    configuration: str
    protocol: Protocol
    part: str
    candidate: Candidate
    seed: int

    def folder(self, root: Path) -> Path:
        """Return the folder of the cell below the folder of the ablation."""
        row = re.sub(r"[:@]", "__", str(self.candidate))
        return root / self.protocol.value / self.configuration / row / f"{_as_folder(self.part)}__seed_{self.seed}"

    def __str__(self) -> str:
        return f"{self.candidate} {self.protocol.value} {self.part} seed {self.seed}"


def read_result(cell: Cell, root: Path, budget: Budget, part: Part) -> dict[str, Any] | None:
    """Return the content of the cell's result file, None if it has none yet.

    Raises InvalidValueError, with the path, if it is damaged, of another cell, of another budget, or of other test
    cases than those of the part, as after a change of the dataset or its domains.
    """
    file = cell.folder(root) / RESULT
    if not file.is_file():
        return None
    content: dict[str, Any] = read_json(file, _RESULT_FILE)
    if content.get("budget") != budget.to_dict():
        raise InvalidValueError(
            f"{file}: measured with another budget ({content.get('budget')}) than {budget.name!r}; choose another "
            "folder with -o, or remove this one"
        )
    if content.get("cell") != describe(cell):
        raise InvalidValueError(f"{file}: the result of {content.get('cell')}, expected that of {describe(cell)}")
    _check_cases(content, part, file)
    return content


def _check_cases(content: dict[str, Any], part: Part, file: Path) -> None:
    found = sorted((score["set"], score["case"]) for score in content["scores"])
    expected = sorted([("seen", case) for case in part.seen] + [("unseen", case) for case in part.unseen])
    if found == expected:
        return
    other = sorted(set(found) ^ set(expected)) or [pair for pair in expected if found.count(pair) > 1]
    raise InvalidValueError(
        f"{file}: measured on other test cases than this dataset and its domains give (the first: {other[0][0]} case "
        f"{other[0][1]}); choose another folder with -o, or remove the cell's folder to train it again"
    )


def describe(cell: Cell) -> dict[str, Any]:
    """Return the entry of a result file that says which cell it belongs to."""
    return {**asdict(cell), "protocol": cell.protocol.value}


def _as_folder(part: str) -> str:
    """Return the name of a domain as the name of a folder; domains may be named in any script, and contain slashes."""
    return re.sub(r"[^\w.-]", "_", part)
