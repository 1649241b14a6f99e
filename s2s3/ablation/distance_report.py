"""What an ablation over pairs of domains adds to the table: drops, distances, and how well these predict those."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nnunetv2.ablation.ablation import Ablation
from nnunetv2.ablation.distance_correlation import BASELINE, ENCODER, Correlation, correlate, distances_of
from nnunetv2.ablation.domain_pairs import OrderedPairs, dice_drops, feature_distances
from nnunetv2.ablation.protocols import Protocol
from nnunetv2.ablation.tables import Table, csv_numbers, csv_text
from s1.prism_result import FILE_NAME, PrismResult, read_prism_result


@dataclass(frozen=True)
class PairStudy:
    """A candidate trained on one domain at a time."""

    candidate: str
    drops: OrderedPairs
    distances: Mapping[str, OrderedPairs]
    correlations: list[Correlation]


def pair_studies(ablation: Ablation, raw: Path | None) -> list[PairStudy]:
    """Return one study for each finished candidate; none for other protocols than domain-pairs.

    Parameters:
        raw: folder of the raw dataset; the result of stage 1 is read there or in the preprocessed dataset.
    """
    if ablation.protocol is not Protocol.DOMAIN_PAIRS:
        return []
    prism, domain_of = _stage_1_result(ablation, raw), ablation.domain_map.domain_of
    studies = []
    for candidate in ablation.candidates:
        results = ablation.results(candidate)
        drops = dice_drops(results, domain_of)
        if drops:
            known = distances_of(prism) if prism else {}
            distances = known | {ENCODER: feature_distances(results, domain_of)}
            distances = {name: pairs for name, pairs in distances.items() if pairs}
            studies.append(PairStudy(str(candidate), drops, distances, correlate(drops, distances)))
    return studies


def _stage_1_result(ablation: Ablation, raw: Path | None) -> PrismResult | None:
    """Return the first result that has distances, else the first one."""
    folders = [ablation.preprocessed, *([raw] if raw else [])]
    found = [read_prism_result(folder / FILE_NAME) for folder in folders if (folder / FILE_NAME).is_file()]
    return next((result for result in found if result.distances), found[0] if found else None)


def explanation(studies: list[PairStudy], dataset: str) -> list[str]:
    """Return lines that say how to read the tables, and what is missing."""
    if not studies:
        return []
    lines = [
        "Dice drop: mean Dice of a model on test cases of the domain it learned from, minus that on another domain. "
        "Correlation: Spearman's rho between a distance and the drop over ordered pairs; in brackets the 95% interval "
        "from resampled pairs. Pairs share domains, so the intervals are rather too narrow."
    ]
    if not any(BASELINE in study.distances for study in studies):
        lines.append(f"No distances of the images: run `drift prism -d {dataset}`, then this with --table_only.")
    return lines


def tables(studies: list[PairStudy]) -> list[tuple[str, Table]]:
    """Return the correlations and the pairs of each candidate, with titles."""
    found = []
    for study in studies:
        found.append((f"Does a distance predict the drop? {study.candidate}", _correlation_table(study)))
        found.append((f"Dice drop by pair, {study.candidate}", _pair_table(study)))
    return found


def as_csv_files(studies: list[PairStudy]) -> dict[str, str]:
    """Return the same as CSV, by what the file's name ends in; nothing without studies."""
    if not studies:
        return {}
    correlations = [
        (s.candidate, c.distance, c.pairs, *csv_numbers(c.rho, *c.interval, c.above_baseline, *c.above_interval))
        for s in studies
        for c in s.correlations
    ]
    names = list(dict.fromkeys(name for study in studies for name in study.distances))
    pairs = [
        (s.candidate, *pair, *csv_numbers(drop, *(s.distances.get(n, {}).get(pair, math.nan) for n in names)))
        for s in studies
        for pair, drop in s.drops.items()
    ]
    above = f"above_{BASELINE}"
    header = ("candidate", "distance", "pairs", "rho", "low", "high", above, "above_low", "above_high")
    return {
        "correlations.csv": csv_text([header, *correlations]),
        "pairs.csv": csv_text([("candidate", "learned_from", "tested_on", "dice_drop", *names), *pairs]),
    }


def _correlation_table(study: PairStudy) -> Table:
    header = ["distance", "pairs", "Spearman's rho", f"above {BASELINE}"]
    rows = [
        [c.distance, str(c.pairs), _text(c.rho, c.interval), _text(c.above_baseline, c.above_interval)]
        for c in study.correlations
    ]
    return header, rows


def _pair_table(study: PairStudy) -> Table:
    rows = [
        [source, target, f"{drop:+.3f}", *(_short(study.distances[n].get((source, target))) for n in study.distances)]
        for (source, target), drop in study.drops.items()
    ]
    return ["learned from", "tested on", "Dice drop", *study.distances], rows


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _text(value: float, interval: tuple[float, float]) -> str:
    if math.isnan(value):
        return ""
    return f"{value:+.2f}" + ("" if math.isnan(interval[0]) else f" [{interval[0]:+.2f}, {interval[1]:+.2f}]")
