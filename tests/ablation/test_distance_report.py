"""The tables of an ablation over pairs of domains, from result files."""

import dataclasses
import json
from itertools import combinations
from pathlib import Path

import pytest

from nnunetv2.ablation.ablation import Ablation, table_rows
from nnunetv2.ablation.budget import BUDGETS
from nnunetv2.ablation.cells import Candidate, describe
from nnunetv2.ablation.distance_report import as_csv_files, explanation, pair_studies
from nnunetv2.ablation.protocols import Part, Protocol
from nnunetv2.ablation.report import as_html, as_markdown
from nnunetv2.ablation.scored_groups import SCORES
from s1.domain_comparison import compare_domains
from s1.domain_map import DomainMap
from s1.domain_shift import DomainFeatures
from s1.prism_result import write_prism_result
from tests.seen_pages import in_a_browser, problems_of

DOMAINS = {"A": 0.0, "B": 1.0, "C": 3.0}
"""Domain -> its place on a line; Dice and features fall with the distance on it."""


@pytest.fixture
def ablation(tmp_path: Path) -> Ablation:
    parts = tuple(
        Part(
            name, (f"{name}1",), (f"{name}2",), (f"{name}3",), tuple(f"{other}3" for other in DOMAINS if other != name)
        )
        for name in DOMAINS
    )
    candidate = Candidate("nnUNetTrainerNoDomains")
    domain_map = DomainMap({name: tuple(f"{name}{i}" for i in (1, 2, 3)) for name in DOMAINS})
    (tmp_path / "preprocessed").mkdir()
    made = Ablation(
        "Dataset001_X", "2d", Protocol.DOMAIN_PAIRS, BUDGETS["quick"], (candidate,), candidate, (0,), tmp_path / "root",
        tmp_path / "preprocessed", domain_map, parts,
    )  # fmt: skip
    for cell, part in zip(made.cells(), parts, strict=True):
        scores = [score(cell.part, case) for case in (*part.seen, *part.unseen)]
        content = {
            "version": 1, "cell": describe(cell), "budget": made.budget.to_dict(), "versions": {"nnunetv2": "1"},
            "device": "cpu", "training_s": 1, "scores": scores,
        }  # fmt: skip
        cell.folder(made.root).mkdir(parents=True)
        (cell.folder(made.root) / "result.json").write_text(json.dumps(content))
    return made


def score(part: str, case: str) -> dict[str, object]:
    away = abs(DOMAINS[part] - DOMAINS[case[0]])
    values = {"dice": 0.9 - 0.1 * away, "features": [away, 1.0], "calibration": [[1, 1, 1]] * 15}
    return dict.fromkeys(SCORES, 0.5) | {"case": case, "set": "unseen" if away else "seen"} | values


def write_stage_1(folder: Path, with_distances: bool) -> None:
    features = {name: DomainFeatures(3, None, 100 + place, 10.0, 100.0) for name, place in DOMAINS.items()}
    line = {(a, b): abs(DOMAINS[a] - DOMAINS[b]) for a, b in combinations(DOMAINS, 2)}
    distances = {"colour_wasserstein": {pair: -value + 9 for pair, value in line.items()}, "texture": line}
    folder.mkdir(exist_ok=True)
    write_prism_result(
        compare_domains(features, distances=distances if with_distances else None), folder / "prism_dd.json"
    )


def test_drops_distances_and_correlations_stand_in_all_forms(ablation: Ablation) -> None:
    write_stage_1(ablation.preprocessed, with_distances=True)
    (study,) = studies = pair_studies(ablation, None)
    assert study.drops["A", "C"] == study.drops["C", "A"] == pytest.approx(0.3)
    rhos = {found.distance: found.rho for found in study.correlations}
    assert rhos["texture"] == pytest.approx(1)
    assert rhos["colour_wasserstein"] == pytest.approx(-1)
    assert {"published_shift", "published_total_difference", "encoder_features"} <= rhos.keys()
    markdown = as_markdown(ablation, table_rows(ablation), studies)
    assert "| texture | 6 | +1.00 [+1.00, +1.00] | +2.00 [+2.00, +2.00] |" in markdown
    assert "| A | C | +0.300 |" in markdown
    page = as_html(ablation, table_rows(ablation), studies)
    assert "Does a distance predict the drop?" in page
    files = as_csv_files(studies)
    assert "nnUNetTrainerNoDomains,texture,6,1.00000,1.00000,1.00000,2.00000" in files["correlations.csv"]
    assert "nnUNetTrainerNoDomains,A,C,0.30000," in files["pairs.csv"]


def test_without_distances_of_the_images_the_published_score_stands_alone_and_the_page_says_what_to_run(
    ablation: Ablation, tmp_path: Path
) -> None:
    (study,) = studies = pair_studies(ablation, None)
    assert list(study.distances) == ["encoder_features"]
    write_stage_1(ablation.preprocessed, with_distances=False)
    (study,) = studies = pair_studies(ablation, tmp_path / "raw")
    assert list(study.distances) == ["published_shift", "published_total_difference", "encoder_features"]
    assert "run `drift prism -d Dataset001_X`" in explanation(studies, "Dataset001_X")[-1]


def test_a_newer_result_in_the_raw_dataset_is_used_if_the_preprocessed_one_lacks_distances(
    ablation: Ablation, tmp_path: Path
) -> None:
    write_stage_1(ablation.preprocessed, with_distances=False)
    write_stage_1(tmp_path / "raw", with_distances=True)
    (study,) = pair_studies(ablation, tmp_path / "raw")
    assert "texture" in study.distances


def test_other_protocols_and_unfinished_ablations_have_no_studies(ablation: Ablation) -> None:
    assert pair_studies(dataclasses.replace(ablation, protocol=Protocol.UNSEEN_DOMAIN), None) == []
    for cell in ablation.cells():
        (cell.folder(ablation.root) / "result.json").unlink()
    assert pair_studies(ablation, None) == []
    assert as_csv_files([]) == {}
    assert explanation([], "Dataset001_X") == []


@in_a_browser
def test_the_page_is_readable_in_a_browser(ablation: Ablation, tmp_path: Path) -> None:
    write_stage_1(ablation.preprocessed, with_distances=True)
    studies = pair_studies(ablation, tmp_path / "raw")
    assert problems_of(as_html(ablation, table_rows(ablation), studies), tmp_path) == []
