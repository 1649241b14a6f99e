"""prism_dd.json, version 1: features of domains, shifts of pairs, mixing ratios (method, section 1.4)."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from s1.domain_shift import Difference, DomainFeatures, PairShift
from s1.errors import DomainMapError
from s1.files import write_json
from s1.json_files import JsonFile, check_json, read_json
from s1.json_schema import (
    NAME,
    NUMBER,
    TEXT,
    TRUE_OR_FALSE,
    ListOf,
    MapOf,
    Record,
    Value,
    number,
    optional,
    whole_number,
)

VERSION = 1
Pairs = dict[tuple[str, str], float]
"""(a, b), each pair of domains once, -> distance."""
FILE_NAME = "prism_dd.json"
COLOUR, STAINS, TEXTURE, CONTRAST = "colour_wasserstein", "stain_vectors", "texture", "contrast_after_z_score"
"""Names of the distances by images alone."""

_VERSION = Record({"version": Value(str(VERSION), lambda value: value == VERSION)})
_LABEL = Value("a label, a whole number", lambda key: key.isdecimal() and len(key) < 10)
_NUMBERS = MapOf(NUMBER)
_DOMAIN = Record(
    {"images": whole_number(0), "grey_mean": NUMBER, "grey_std": NUMBER, "glcm_contrast": NUMBER},
    {"class_shares": optional(MapOf(NUMBER, keys=_LABEL))},
)
_PAIR = Record(
    {"a": NAME, "b": NAME}
    | {f.name: _NUMBERS if f.name in ("magnitudes", "directions", "importance") else NUMBER for f in fields(PairShift)}
    | {"unscaled": Record({"magnitudes": _NUMBERS, "signed": _NUMBERS})}
)
_DISTANCE = Record({"a": NAME, "b": NAME, "value": number(0)})
_CONTENT = Record(
    {
        "domains": MapOf(_DOMAIN, 1),
        "pairs": ListOf(_PAIR),
        "ratios": MapOf(number(0, 1), 1),
        "settings": Record(
            {"class_weights": optional(MapOf(NUMBER, keys=_LABEL)), "crop_common": TRUE_OR_FALSE},
            {"ignore_label": optional(whole_number(0))},
        ),
    },
    {"domain_file_sha256": optional(TEXT), "notes": ListOf(TEXT), "distances": MapOf(ListOf(_DISTANCE))},
)
_ANY_VERSION, _THIS_VERSION = (
    JsonFile("result of stage 1", schema, "run stage 1 again") for schema in (_VERSION, _CONTENT)
)


@dataclass(frozen=True)
class PairResult:
    """Shift between domains a and b, with the unscaled differences it follows from."""

    a: str
    b: str
    outcome: PairShift
    unscaled: Difference

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"a": self.a, "b": self.b, **asdict(self.outcome), "unscaled": asdict(self.unscaled)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "PairResult":
        """Build from the output of `to_dict`."""
        outcome = PairShift(**{field.name: content[field.name] for field in fields(PairShift)})
        unscaled = content["unscaled"]
        return cls(content["a"], content["b"], outcome, Difference(unscaled["magnitudes"], unscaled["signed"]))


@dataclass(frozen=True)
class PrismSettings:
    """Settings that the numbers depend on."""

    class_weights: dict[int, float] | None
    """None without masks."""
    crop_common: bool = False
    ignore_label: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        weights = self.class_weights
        return {**asdict(self), "class_weights": weights and {str(label): w for label, w in weights.items()}}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "PrismSettings":
        """Build from the output of `to_dict`."""
        weights = content["class_weights"]
        read = None if weights is None else {int(label): float(w) for label, w in weights.items()}
        return cls(read, content["crop_common"], content.get("ignore_label"))


@dataclass(frozen=True)
class PrismResult:
    """The result of stage 1."""

    domains: dict[str, DomainFeatures]
    pairs: tuple[PairResult, ...]
    ratios: dict[str, float]
    settings: PrismSettings
    domain_file_sha256: str | None = None
    """Of the domains.json that was read; None if the domains were given as folders."""
    notes: tuple[str, ...] = ()
    """Remarks that a reader of the numbers needs."""
    distances: dict[str, Pairs] = field(default_factory=dict)
    """Name -> distances by image alone (method, section 1.5); empty in files of before there were any."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "version": VERSION,
            "domains": {name: _features_to_dict(features) for name, features in self.domains.items()},
            "pairs": [pair.to_dict() for pair in self.pairs],
            "ratios": dict(self.ratios),
            "settings": self.settings.to_dict(),
            "domain_file_sha256": self.domain_file_sha256,
            "notes": list(self.notes),
            "distances": {name: _pairs_to_list(pairs) for name, pairs in self.distances.items()},
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "PrismResult":
        """Build from the output of `to_dict`; unknown keys are ignored."""
        return cls(
            {name: _features_from_dict(entry) for name, entry in content["domains"].items()},
            tuple(PairResult.from_dict(entry) for entry in content["pairs"]),
            {name: float(ratio) for name, ratio in content["ratios"].items()},
            PrismSettings.from_dict(content["settings"]),
            content.get("domain_file_sha256"),
            tuple(content.get("notes", ())),
            {name: _pairs_from_list(entries) for name, entries in content.get("distances", {}).items()},
        )


def read_prism_result(path: str | os.PathLike[str]) -> PrismResult:
    """Read prism_dd.json. Raises DomainMapError, naming the file, if it is missing, malformed or of another version."""
    content = read_json(path, _ANY_VERSION)
    check_json(content, path, _THIS_VERSION, DomainMapError)
    return PrismResult.from_dict(content)


def write_prism_result(result: PrismResult, path: str | os.PathLike[str]) -> None:
    """Write prism_dd.json atomically."""
    write_json(result.to_dict(), path)


def _pairs_to_list(pairs: Pairs) -> list[dict[str, Any]]:
    return [{"a": a, "b": b, "value": value} for (a, b), value in pairs.items()]


def _pairs_from_list(entries: Sequence[Mapping[str, Any]]) -> Pairs:
    return {(entry["a"], entry["b"]): float(entry["value"]) for entry in entries}


def _features_to_dict(features: DomainFeatures) -> dict[str, Any]:
    content = asdict(features)
    shares = content.pop("class_shares")
    named = {} if shares is None else {"class_shares": {str(label): share for label, share in shares.items()}}
    return {"images": content.pop("images"), **named, **content}


def _features_from_dict(content: Mapping[str, Any]) -> DomainFeatures:
    shares = content.get("class_shares")
    return DomainFeatures(
        int(content["images"]),
        None if shares is None else {int(label): float(share) for label, share in shares.items()},
        float(content["grey_mean"]),
        float(content["grey_std"]),
        float(content["glcm_contrast"]),
    )
