"""Cross-validation folds that respect domains and groups (method, section 3).

Folds are lists of {"train": [...], "val": [...]}, the content of an ordinary splits_final.json. A group is a patient or
a slide: all its cases are on the same side.
"""

import zlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from nnunetv2.errors import DomainMapError
from s1.domain_map import DomainMap

Split = dict[str, list[str]]


def stratified_splits(
    cases: Sequence[str],
    domain_map: DomainMap,
    groups: Mapping[str, str] | None = None,
    n_splits: int = 5,
    seed: int = 12345,
) -> list[Split]:
    """Return folds in which every domain is spread evenly; the order of `cases` does not matter.

    Without groups, the validation sets of a domain differ by at most one case, and so do whole validation sets. With
    groups, whole groups go, largest first, to the fold with the fewest cases of their domains, so sizes are about as
    even as the groups allow. A case that `groups` does not name is its own group.

    Raises DomainMapError if there are fewer groups than folds.
    """
    units = _shuffled_units(cases, domain_map, groups or {}, seed)
    if not 2 <= n_splits <= len(units):
        raise DomainMapError(
            f"{n_splits} folds of {len(cases)} cases in {len(units)} groups: expected at least 2 folds and one group "
            "per fold; a group (patient or slide) cannot be divided"
        )
    return _as_splits(_fill_folds(units, domain_map, n_splits))


def leave_one_domain_out_splits(cases: Sequence[str], domain_map: DomainMap) -> list[Split]:
    """Return one fold per domain, in the order of the map: that domain for validation, the others for training.

    Domains without cases are skipped. Raises DomainMapError if fewer than two domains have cases.
    """
    folds = defaultdict(list)
    for case in cases:
        folds[domain_map.domain_of(case)].append(case)
    if len(folds) < 2:
        raise DomainMapError(f"leaving one domain out needs cases of at least two domains, got {sorted(folds)}")
    return _as_splits([folds[name] for name in domain_map.names if name in folds])


def check_groups(splits: Sequence[Mapping[str, Sequence[str]]], groups: Mapping[str, str], source: str) -> None:
    """Raise one DomainMapError that names every group with cases on both sides of a fold.

    Parameters:
        source: where the splits come from, for the message (the path of splits_final.json).
    """
    problems = []
    for number, split in enumerate(splits):
        trained = {groups[case]: case for case in split["train"] if case in groups}
        validated = {groups[case]: case for case in split["val"] if case in groups}
        problems += [
            f"fold {number}: group {group!r} is in train (case {trained[group]!r}) and val (case {validated[group]!r})"
            for group in sorted(trained.keys() & validated.keys())
        ]
    if problems:
        summary = f"{source}: a group (patient or slide) must not be on both sides of a fold"
        raise DomainMapError("\n  ".join([summary, *problems]))


def _shuffled_units(
    cases: Sequence[str], domain_map: DomainMap, groups: Mapping[str, str], seed: int
) -> list[tuple[str, ...]]:
    """Return the indivisible sets of cases, largest first, then by domain, in random order within that."""
    members: dict[tuple[str, str], list[str]] = defaultdict(list)
    for case in sorted(set(cases)):
        members[("group", groups[case]) if case in groups else ("case", case)].append(case)
    by_domain: dict[str, list[tuple[str, ...]]] = {name: [] for name in domain_map.names}
    for unit in members.values():
        by_domain[domain_map.domain_of(unit[0])].append(tuple(unit))
    shuffled = [unit for name, units in by_domain.items() for unit in _shuffle(units, seed, name)]
    return sorted(shuffled, key=len, reverse=True)


def _shuffle(units: list[tuple[str, ...]], seed: int, domain: str) -> list[tuple[str, ...]]:
    # RandomState, because its numbers never change between numpy versions: folds must stay the same.
    stream = np.random.RandomState([seed, zlib.crc32(f"splits of {domain}".encode())])
    return [units[index] for index in stream.permutation(len(units))]


def _fill_folds(units: Sequence[tuple[str, ...]], domain_map: DomainMap, n_splits: int) -> list[list[str]]:
    folds: list[list[str]] = [[] for _ in range(n_splits)]
    counts: list[Counter[str]] = [Counter() for _ in range(n_splits)]
    for unit in units:
        domains = Counter(domain_map.domain_of(case) for case in unit)
        crowding = [(_overlap(count, domains), count.total(), fold) for fold, count in enumerate(counts)]
        chosen = min(crowding)[2]
        folds[chosen].extend(unit)
        counts[chosen].update(domains)
    return folds


def _overlap(fold_counts: Counter[str], unit_counts: Counter[str]) -> int:
    return sum(fold_counts[domain] * count for domain, count in unit_counts.items())


def _as_splits(folds: Sequence[Sequence[str]]) -> list[Split]:
    everything = {case for fold in folds for case in fold}
    return [{"train": sorted(everything.difference(fold)), "val": sorted(fold)} for fold in folds]
