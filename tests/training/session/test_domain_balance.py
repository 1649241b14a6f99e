import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from nnunetv2.domains.dataset_domains import DatasetDomains, read_dataset_domains
from nnunetv2.domains.mixing_ratios import RatioMode
from nnunetv2.errors import DomainMapError, InvalidValueError
from nnunetv2.evaluation.evaluation_report import domains_of_folder, report_evaluation
from nnunetv2.training.logging.local_logger import LocalLogger
from nnunetv2.training.session.domain_balance import (
    DomainBalance,
    DomainBalanceSettings,
    SingleDomain,
    balance_domains,
)
from nnunetv2.training.session.epoch_metrics import Counts
from nnunetv2.utilities.crossval_split import generate_crossval_split
from s1.domain_files import write_domain_map
from s1.domain_map import DomainMap
from s1.files import file_sha256
from tests.stage_1_results import write_stage_1

CASES = [f"{domain}{number}" for domain in "ab" for number in range(10)]
MAP = DomainMap({"A": tuple(CASES[:10]), "B": tuple(CASES[10:])})
ALL_OFF = DomainBalanceSettings("uniform", False, False, False, False)


def dataset(**changes: object) -> DatasetDomains:
    return DatasetDomains(**{"domain_map": MAP, **changes})  # type: ignore[arg-type]


def balance(settings: DomainBalanceSettings = DomainBalanceSettings(), **changes: object) -> DomainBalance:  # noqa: B008
    domains = balance_domains(dataset(**changes), settings)
    assert isinstance(domains, DomainBalance)
    return domains


def counts(dice_percent: int) -> Counts:
    return Counts(np.array([dice_percent / 2]), np.array([100.0 - dice_percent]), np.array([0.0]))


def ignore(_: str) -> None:
    pass


@pytest.mark.parametrize("domain_map", [None, DomainMap({"A": tuple(CASES)})])
def test_fewer_than_two_domains_are_stock_training(domain_map: DomainMap | None) -> None:
    domains = balance_domains(dataset(domain_map=domain_map), DomainBalanceSettings())

    assert type(domains) is SingleDomain
    assert domains.make_splits(CASES) == generate_crossval_split(CASES, 12345, 5)
    assert domains.case_domains(CASES) == {}
    assert domains.tag(CASES) == {}
    assert domains.validation_parts(CASES) == {"": CASES}
    assert domains.score(0.3, 0) == 0.3
    assert domains.checkpoint_entry() == {}


def test_several_domains_with_every_part_off_are_stock_training() -> None:
    domains = balance_domains(dataset(groups=dict.fromkeys(CASES, "x")), ALL_OFF)

    assert type(domains) is SingleDomain
    assert domains.make_splits(CASES) == generate_crossval_split(CASES, 12345, 5)


def test_folds_are_stratified_by_domain() -> None:
    for split in balance().make_splits(CASES):
        assert [sum(case.startswith(letter) for case in split["val"]) for letter in "ab"] == [2, 2]


def test_unstratified_folds_are_those_of_nnunet() -> None:
    settings = DomainBalanceSettings(stratify_splits=False)

    assert balance(settings).make_splits(CASES) == generate_crossval_split(CASES, 12345, 5)


def test_a_split_that_leaks_a_group_is_refused() -> None:
    domains = balance(groups={"a0": "patient_9", "a1": "patient_9"})

    with pytest.raises(DomainMapError, match="patient_9"):
        domains.check_splits([{"train": ["a0"], "val": ["a1"]}], "splits_final.json")


def test_cases_must_match_the_domain_map() -> None:
    with pytest.raises(DomainMapError, match="new_case"):
        balance().check_cases([*CASES, "new_case"])


def test_a_domain_without_training_cases_is_left_out_with_a_log_line() -> None:
    domains, lines = balance(), []
    domains.begin_fold(CASES[:8], lines.append)

    assert domains.train_ratios == {"A": 1.0}
    assert lines[0].startswith("Domain B has no training case")


def test_ratios_of_stage_1_are_used() -> None:
    domains = balance(prism_ratios={"A": 0.7, "B": 0.3})
    domains.begin_fold(CASES, ignore)

    assert domains.train_ratios == pytest.approx({"A": 0.7, "B": 0.3})


def test_a_result_of_stage_1_for_other_domains_is_warned_about_where_it_is_used(tmp_path: Path) -> None:
    write_domain_map(MAP, tmp_path / "domains.json")
    measured = file_sha256(tmp_path / "domains.json")
    warnings = []
    for digest, mode in ((measured, "auto"), (None, "auto"), ("0" * 64, "auto"), ("0" * 64, "uniform")):
        write_stage_1(tmp_path, {"A": 0.6, "B": 0.4}, digest)
        lines: list[str] = []
        domains = balance_domains(read_dataset_domains(tmp_path), DomainBalanceSettings(RatioMode(mode)))
        domains.begin_fold(CASES, lines.append)
        warnings.append([line for line in lines if line.startswith("WARNING")])

    assert [len(found) for found in warnings] == [0, 0, 1, 0]
    assert "run `drift prism` again" in warnings[2][0]


def test_batches_are_not_divided_if_that_part_is_off() -> None:
    assert balance(DomainBalanceSettings(balance_batches=False)).case_domains(CASES) == {}
    assert balance().case_domains(["a1", "b1"]) == {"a1": "A", "b1": "B"}


def test_only_balanced_batches_have_mixing_ratios() -> None:
    balanced, unbalanced = balance(), balance(DomainBalanceSettings(balance_batches=False))
    for domains in (balanced, unbalanced):
        domains.begin_fold(CASES, ignore)

    assert balanced.train_ratios == {"A": 0.5, "B": 0.5}
    assert unbalanced.train_ratios == {}


def test_validation_is_divided_by_domain() -> None:
    assert balance().validation_parts(["b1", "a1", "b0"]) == {"A": ["a1"], "B": ["b1", "b0"]}
    assert balance().validation_parts(["b1"]) == {"B": ["b1"]}


def test_a_validation_batch_is_tagged_only_if_its_cases_share_a_domain() -> None:
    domains = balance()

    assert domains.tag(np.array(["b1", "b0"])) == {"domain": ["B"]}
    for keys in (["a1", "b1"], ["b1", "random"], ["random", "random"], []):
        assert domains.tag(keys) == {"domain": [""]}


def test_the_best_checkpoint_follows_the_average_of_the_balanced_dice() -> None:
    domains, logger, lines = balance(), LocalLogger(), []
    domains.log_validation({"A": counts(50), "B": counts(100)}, 0, logger)
    domains.report(lines.append)

    a, b = counts(50).dice()[0], counts(100).dice()[0]
    assert domains.score(0.123, 0) == pytest.approx((a + b) / 2)
    assert lines[-1] == f"Balanced dice {round((a + b) / 2, 4)}, worst domain {round(min(a, b), 4)}"
    assert logger.extra_curves["dice"]["worst domain"] == [pytest.approx(min(a, b))]


def test_the_pooled_dice_selects_if_there_is_no_balanced_one() -> None:
    domains = balance()
    domains.log_validation({}, 0, LocalLogger())
    assert domains.score(0.123, 0) == 0.123

    off = balance(DomainBalanceSettings(select_by_balanced_dice=False))
    off.log_validation({"A": counts(50)}, 0, LocalLogger())
    assert off.score(0.123, 0) == 0.123


def test_an_epoch_whose_validation_was_not_logged_does_not_select_by_an_older_one() -> None:
    domains = balance()
    domains.log_validation({"A": counts(50)}, 0, LocalLogger())

    assert domains.score(0.123, 1) == 0.123


def test_curves_survive_a_checkpoint_and_changed_domains_are_reported() -> None:
    domains, lines = balance(), []
    domains.log_validation({"A": counts(50), "B": counts(60)}, 0, LocalLogger())
    domains.log_edge_loss([0.25, 0.75], 0, LocalLogger())
    entry, again, logger = domains.checkpoint_entry(), balance(), LocalLogger()

    again.restore(entry, logger, lines.append)
    assert again.curves == domains.curves
    assert logger.extra_curves["losses"] == {"edge loss": [0.5]}
    assert lines == []

    again.restore({**entry, "domains": ["A", "C"]}, logger, lines.append)
    assert lines == ["WARNING: the domains were A, C, now they are A, B"]


def write_summary(folder: Path, dice_by_case: Mapping[str, float]) -> Path:
    entries = [
        {
            "metrics": {"1": {"Dice": dice, "IoU": dice}},
            "prediction_file": f"p/{case}.png",
            "reference_file": f"{case}.png",
        }
        for case, dice in dice_by_case.items()
    ]
    mean = {"Dice": 0.5, "IoU": 0.5}
    content = {"mean": {"1": mean}, "foreground_mean": mean, "metric_per_case": entries}
    (folder / "summary.json").write_text(json.dumps(content))
    return folder / "summary.json"


def test_the_summary_of_the_final_validation_is_written_next_to_the_stock_one(tmp_path: Path) -> None:
    write_summary(tmp_path, {"a0": 0.5, "b0": 0.5})
    lines: list[str] = []

    balance().summarize(tmp_path, lines.append)

    assert (tmp_path / "domain_summary.json").is_file()
    assert "worst domain" in lines[0]


@pytest.mark.parametrize("stage_1", [False, True])
def test_the_balanced_dice_of_the_same_predictions_does_not_depend_on_the_training(
    tmp_path: Path, stage_1: bool
) -> None:
    """A dataset of 10 and 2 cases; Dice .9 and .5."""
    write_domain_map(DomainMap({"A": tuple(CASES[:10]), "B": ("b0", "b1")}), tmp_path / "domains.json")
    if stage_1:
        write_stage_1(tmp_path, {"A": 0.4375, "B": 0.5625})
    summary = write_summary(tmp_path, {"a0": 0.9, "b0": 0.5})
    modes = (RatioMode.AUTO, RatioMode.UNIFORM, RatioMode.PROPORTIONAL)
    found = []
    for settings in (*map(DomainBalanceSettings, modes), ALL_OFF):
        domains = balance_domains(read_dataset_domains(tmp_path), settings)
        domains.summarize(tmp_path, ignore)
        found.append(json.loads((tmp_path / "domain_summary.json").read_text()))
        domains.log_validation({"A": counts(90), "B": counts(50)}, 0, LocalLogger())
        if settings is not ALL_OFF:
            dice = 0.4375 * counts(90).dice()[0] + 0.5625 * counts(50).dice()[0]
            equal = (counts(90).dice()[0] + counts(50).dice()[0]) / 2
            assert domains.curves.balanced_dice == [pytest.approx(dice if stage_1 else equal)]
    report_evaluation(summary, domains_of_folder(tmp_path))
    found.append(json.loads((tmp_path / "domain_summary.json").read_text()))

    assert [content["balanced"]["Dice"] for content in found] == [pytest.approx(0.675 if stage_1 else 0.7)] * 5
    assert all(content == found[0] for content in found)


@pytest.mark.parametrize("count", [2, 4])
def test_fewer_than_five_cases_have_one_fold_each(count: int) -> None:
    cases = CASES[:count]

    for domains in (balance_domains(dataset(), DomainBalanceSettings()), balance()):
        splits = domains.make_splits(cases)
        assert sorted(case for split in splits for case in split["val"]) == sorted(cases)
        assert len(splits) == count
    with pytest.raises(InvalidValueError, match="train with fold all"):
        balance().make_splits(CASES[:1])
