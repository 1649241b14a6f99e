"""How far an image is from the domains that a model learned from.

An image is a few numbers (features); a domain is the normal distribution of its images. All domains share one
covariance, that of the images around the mean of their domain (Lee et al., NeurIPS 2018), shrunk by the formula of
Ledoit and Wolf (2004). The distance is that of Mahalanobis. An image is inside if its nearest domain is within the
limit, below which 95 % of images were that the distributions did not know.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nnunetv2.domains.domain_splits import stratified_splits
from nnunetv2.errors import CheckpointError
from s1.domain_map import DomainMap
from s1.json_files import JsonFile, check_json
from s1.json_schema import NAME, Also, ListOf, Problem, Record, Value, number

FloatArray = npt.NDArray[np.float64]

INSIDE_SHARE = 0.95
_PARTS = 5
_FEWEST_HELD_OUT = 5
_LEAST_SPREAD = 1e-3
"""Of a feature: what differs less counts as the same."""
_LEAST_VARIANCE = 1e-6
_ROUNDING = 1e-9
_VERSION = 1
_MOST_FEATURES, _MOST_DOMAINS = 1000, 10_000


@dataclass(frozen=True, eq=False)
class DomainStatistics:
    """The distributions of D domains, of F features each."""

    names: tuple[str, ...]
    means: FloatArray
    """(D, F)"""
    precision: FloatArray
    """(F, F), the inverse of the shared covariance."""
    limit: float
    """Largest distance of images that are inside."""

    def distances(self, features: FloatArray) -> dict[str, float]:
        """Return the distance of an image's features (F,) from each domain."""
        return dict(zip(self.names, _distances(features[None], self.means, self.precision)[0].tolist(), strict=True))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a checkpoint."""
        numbers = {"means": self.means.tolist(), "precision": self.precision.tolist(), "limit": self.limit}
        return {"version": _VERSION, "names": list(self.names), **numbers}

    @classmethod
    def from_dict(cls, content: Any, num_features: int, source: str) -> "DomainStatistics":
        """Return the statistics of a checkpoint. Raises CheckpointError, naming the source, if they are damaged."""
        check_json(content, source, _ENTRY, CheckpointError)
        means, precision = (np.array(content[name], dtype=np.float64) for name in ("means", "precision"))
        if means.shape[1] != num_features:
            raise CheckpointError(f"{source}: {means.shape[1]} features a domain, expected {num_features}")
        sizes = np.linalg.eigvalsh((precision + precision.T) / 2)
        if sizes[0] < -_ROUNDING * np.abs(sizes).max():
            raise CheckpointError(
                f"{source}: precision gives negative squares of distances, expected an inverse covariance"
            )
        return cls(tuple(content["names"]), means, precision, float(content["limit"]))


def measure_domains(
    features: Mapping[str, FloatArray], domain_map: DomainMap, groups: Mapping[str, str] | None = None
) -> DomainStatistics | None:
    """Return the statistics of cases; None if too few can be held out to find the limit.

    The limit comes from five parts: each part's cases are measured with the statistics of the other four. Cases whose
    domain is in no other part are left out of it.

    Parameters:
        features: case -> (F,).
        groups: cases that share a group (patient or slide) are in the same part.
    """

    def fit(cases: Sequence[str]) -> tuple[tuple[str, ...], FloatArray, FloatArray]:
        return _fit(np.stack([features[case] for case in cases]), [domain_map.domain_of(case) for case in cases])

    held_out: list[float] = []
    for part in _parts(sorted(features), domain_map, groups or {}):
        if len(part["train"]) < 2:
            continue
        names, means, precision = fit(part["train"])
        known = [features[case] for case in part["val"] if domain_map.domain_of(case) in names]
        if known:
            held_out += _distances(np.stack(known), means, precision).min(axis=1).tolist()
    if len(held_out) < _FEWEST_HELD_OUT:
        return None
    return DomainStatistics(*fit(sorted(features)), float(np.quantile(held_out, INSIDE_SHARE)))


def _parts(
    cases: Sequence[str], domain_map: DomainMap, groups: Mapping[str, str]
) -> Sequence[Mapping[str, Sequence[str]]]:
    units = {(case in groups, groups.get(case, case)) for case in cases}
    return stratified_splits(cases, domain_map, groups, min(_PARTS, len(units))) if len(units) > 1 else ()


def _fit(features: FloatArray, domains: Sequence[str]) -> tuple[tuple[str, ...], FloatArray, FloatArray]:
    """Return names, means and precision of the domains of images, whose features are (N, F)."""
    from sklearn.covariance import ledoit_wolf

    names = tuple(dict.fromkeys(domains))
    numbers = np.array([names.index(domain) for domain in domains])
    means = np.stack([features[numbers == number].mean(axis=0) for number in range(len(names))])
    spread = np.maximum(features.std(axis=0), _LEAST_SPREAD)
    covariance, _ = ledoit_wolf((features - means[numbers]) / spread, assume_centered=True)
    inverse = np.linalg.inv(covariance + _LEAST_VARIANCE * np.eye(len(spread)))
    return names, means, inverse / np.outer(spread, spread)


def _distances(features: FloatArray, means: FloatArray, precision: FloatArray) -> FloatArray:
    """Return (N, D) for features (N, F) and means (D, F)."""
    apart = features[:, None] - means
    return np.asarray(np.sqrt(np.maximum(np.einsum("ndf,fg,ndg->nd", apart, precision, apart), 0.0)))


def _fitting_shapes(entry: Mapping[str, Any]) -> Iterator[Problem]:
    means, precision = entry["means"], entry["precision"]
    if len(set(entry["names"])) < len(entry["names"]) or len(means) != len(entry["names"]):
        yield Problem("has not one list for each of the names, which differ", ("means",))
    for key, rows in (("means", means), ("precision", precision)):
        if any(len(row) != len(precision) for row in rows):
            yield Problem(f"has a list of another length than {len(precision)}, the number of lists", (key,))


_ROW = ListOf(number(-1e15, 1e15), 1, _MOST_FEATURES)
_ENTRY = JsonFile(
    "statistics of the domains",
    Also(
        Record(
            {
                "version": Value(f"the number {_VERSION}", lambda version: version == _VERSION),
                "names": ListOf(NAME, 1, _MOST_DOMAINS),
                "means": ListOf(_ROW, 1, _MOST_DOMAINS),
                "precision": ListOf(_ROW, 1, _MOST_FEATURES),
                "limit": number(0, 1e15),
            }
        ),
        (_fitting_shapes,),
    ),
)
