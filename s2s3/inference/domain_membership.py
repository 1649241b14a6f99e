"""Says of each predicted case which domain of the training it looks like, and whether it looks like any.

Only models trained on several domains of RGB images have the statistics that this needs; see `DomainStatistics`.
"""

import inspect
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnunetv2.domains.domain_statistics import DomainStatistics
from nnunetv2.errors import InvalidValueError
from nnunetv2.file_kinds.result_files import PREDICT_DOMAINS
from nnunetv2.foundation.file_lock import FileLock
from nnunetv2.foundation.files import read_json, write_json
from nnunetv2.foundation.safe_loading.checkpoint_entries import DRIFT_KEY, STATISTICS_KEY
from nnunetv2.pathology.stain.colour_features import NUM_FEATURES, colour_features
from nnunetv2.pathology.stain.intensities_entry import MOST_PIXELS, PROPERTY
from nnunetv2.preprocessing.stored_plane import StoredPlane

FILE = "predict_domains.json"
_VERSION = 1
_SECONDS_BETWEEN_ATTEMPTS = 0.05


def statistics_in(checkpoint: Mapping[str, Any], file: Path) -> DomainStatistics | None:
    """Return how the domains of a model look, None if its checkpoint, loaded from a file, does not say.

    Raises CheckpointError, naming the file and what is wrong, for anything that a training does not write.
    """
    content = checkpoint.get(DRIFT_KEY, {}).get(STATISTICS_KEY)
    if content is None:
        return None
    return DomainStatistics.from_dict(content, NUM_FEATURES, f"{file}: {DRIFT_KEY}.{STATISTICS_KEY}")


def options_for(iterator: Callable[..., Any], wanted: bool) -> dict[str, bool]:
    """Return the arguments that make an iterator over preprocessed cases keep the colours of RGB images.

    Without any if that is not wanted, or if a client has put a function of nnU-Net's form in its place.
    """
    keyword = "keep_colours"
    return {keyword: True} if wanted and keyword in inspect.signature(iterator).parameters else {}


@dataclass(frozen=True)
class Membership:
    """The distance of an image from each domain, as a mean over the folds of a model, and the limit."""

    distances: Mapping[str, float]
    limit: float

    @classmethod
    def of_case(cls, statistics: Sequence[DomainStatistics], features: Any) -> "Membership":
        """Measure an image (9,); a domain that only some folds learned from has the mean over these."""
        found: dict[str, list[float]] = {}
        for fold in statistics:
            for name, distance in fold.distances(features).items():
                found.setdefault(name, []).append(distance)
        means = {name: sum(values) / len(values) for name, values in found.items()}
        return cls(means, sum(fold.limit for fold in statistics) / len(statistics))

    @property
    def nearest(self) -> str:
        """The domain that the image looks like most."""
        return min(self.distances, key=lambda name: self.distances[name])

    @property
    def is_inside(self) -> bool:
        """Whether the image looks like an image of its nearest domain."""
        return self.distances[self.nearest] <= self.limit

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of a case in predict_domains.json."""
        distances = {name: round(value, 4) for name, value in self.distances.items()}
        nearest = self.nearest
        return {
            "nearest": nearest,
            "distance": distances[nearest],
            "limit": round(self.limit, 4),
            "inside": self.is_inside,
            "distances": distances,
        }

    def __str__(self) -> str:
        verdict = "in" if self.is_inside else "OUT, like no domain of the training"
        distance = f"distance {self.distances[self.nearest]:.2f} (limit {self.limit:.2f})"
        return f"nearest domain {self.nearest}, {distance}: {verdict}"


class MembershipRecord:
    """Collects the cases of a prediction, prints a line for each, and writes predict_domains.json.

    Parameters:
        statistics: of the folds that have some; at least one.
        folder: of the predictions.
    """

    def __init__(self, statistics: Sequence[DomainStatistics], folder: Path):
        self._statistics = statistics
        self._target = folder / FILE
        self._cases: dict[str, dict[str, Any] | None] = {}

    def add(self, case: str, data: Any, properties: dict[str, Any]) -> None:
        """Measure a preprocessed case; takes its colours out of the properties, which are stored with predictions."""
        features = colour_features(_pixels_of(data), properties)
        properties.pop(PROPERTY, None)
        if features is None:
            self._cases[case] = None
            sys.stdout.write(f"{case}: domain unknown, the colours of the image could not be measured\n")
            return
        membership = Membership.of_case(self._statistics, features)
        self._cases[case] = membership.to_dict()
        sys.stdout.write(f"{case}: {membership}\n")

    def write(self) -> None:
        """Write the cases; those of other processes and earlier runs into the same folder stay."""
        if not self._cases:
            return
        lock = FileLock(self._target.with_name(f".{FILE}.lock"))
        while not lock.take():
            time.sleep(_SECONDS_BETWEEN_ATTEMPTS)
        try:
            cases = {**_cases_in(self._target), **self._cases}
            write_json({"version": _VERSION, "cases": dict(sorted(cases.items()))}, self._target)
        finally:
            lock.release()


def _pixels_of(data: Any) -> Any:
    """Return the image itself, or of a StoredPlane as many pixels as colours are measured with."""
    if not isinstance(data, StoredPlane):
        return data
    return data.some_pixels(max(1, data.shape[2] * data.shape[3] // MOST_PIXELS))


def _cases_in(file: Path) -> dict[str, Any]:
    """Return the cases of a file that exists and is whole, otherwise none."""
    try:
        content = read_json(file, PREDICT_DOMAINS) if file.is_file() else {}
    except InvalidValueError:
        content = {}
    return dict(content.get("cases", {}))
