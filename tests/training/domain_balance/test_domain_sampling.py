"""What a training draws: folds, batches, validation batches."""

from pathlib import Path

import pytest

from nnunetv2.domains.dataset_domains import DatasetDomains, read_dataset_domains
from nnunetv2.domains.mixing_ratios import RatioMode
from nnunetv2.errors import DomainMapError, InvalidValueError, SettingsError
from nnunetv2.training.domain_balance.balance_settings import DomainBalanceSettings
from nnunetv2.training.domain_balance.domain_balance import balance_domains
from nnunetv2.training.domain_balance.domain_sampling import DomainSampling, StockSampling
from nnunetv2.utilities.crossval_split import generate_crossval_split
from s1.domain_files import write_domain_map
from s1.domain_map import DomainMap
from s1.files import file_sha256
from tests.stage_1_results import write_stage_1

CASES = [f"{domain}{number}" for domain in "ab" for number in range(10)]
MAP = DomainMap({"A": tuple(CASES[:10]), "B": tuple(CASES[10:])})


def sampling(settings: DomainBalanceSettings = DomainBalanceSettings(), **changes: object) -> DomainSampling:  # noqa: B008
    return DomainSampling(DatasetDomains(**{"domain_map": MAP, **changes}), settings)  # type: ignore[arg-type]


ALL_OFF = dict.fromkeys(("balance_batches", "use_edge_heads", "select_by_balanced_dice", "stratify_splits"), False)


def ignore(_: str) -> None:
    pass


def test_stock_draws_nothing_by_domain() -> None:
    stock = StockSampling()

    assert stock.make_splits(CASES) == generate_crossval_split(CASES, 12345, 5)
    assert stock.case_domains(CASES) == {}
    assert stock.validation_parts(CASES) == {"": CASES}
    assert stock.train_ratios == {}


@pytest.mark.parametrize("mode", [RatioMode.EXPLICIT, RatioMode.PRISM])
def test_ratios_that_do_not_exist_are_refused_at_once_if_batches_need_them(mode: RatioMode) -> None:
    with pytest.raises(SettingsError, match=mode.value):
        sampling(DomainBalanceSettings(mode))
    sampling(DomainBalanceSettings(mode, balance_batches=False)).begin_fold(CASES, ignore)


def test_folds_are_stratified_by_domain() -> None:
    for split in sampling().make_splits(CASES):
        assert [sum(case.startswith(letter) for case in split["val"]) for letter in "ab"] == [2, 2]


def test_unstratified_folds_are_those_of_nnunet() -> None:
    settings = DomainBalanceSettings(stratify_splits=False)

    assert sampling(settings).make_splits(CASES) == generate_crossval_split(CASES, 12345, 5)


@pytest.mark.parametrize("trainer_parts", [{"stratify_splits": False}, ALL_OFF])
def test_groups_stay_together_whatever_parts_are_off(trainer_parts: dict[str, bool]) -> None:
    groups = {case: f"patient {number // 4}" for number, case in enumerate(CASES)}
    dataset = DatasetDomains(domain_map=MAP, groups=groups)
    drawn, _ = balance_domains(dataset, DomainBalanceSettings(**trainer_parts))
    splits = drawn.make_splits(CASES)
    for split in splits:
        assert not {groups[case] for case in split["train"]} & {groups[case] for case in split["val"]}
    torn = [{"train": CASES[:2], "val": CASES[2:]}]
    with pytest.raises(DomainMapError, match="patient 0"):
        drawn.check_splits(torn, "splits_final.json")


def test_a_split_that_leaks_a_group_is_refused() -> None:
    domains = sampling(groups={"a0": "patient_9", "a1": "patient_9"})

    with pytest.raises(DomainMapError, match="patient_9"):
        domains.check_splits([{"train": ["a0"], "val": ["a1"]}], "splits_final.json")


def test_a_domain_without_training_cases_is_left_out_with_a_log_line() -> None:
    domains, lines = sampling(), []
    domains.begin_fold(CASES[:8], lines.append)

    assert domains.train_ratios == {"A": 1.0}
    assert lines[0].startswith("Domain B has no training case")


def test_ratios_of_stage_1_are_used() -> None:
    domains = sampling(prism_ratios={"A": 0.7, "B": 0.3})
    domains.begin_fold(CASES, ignore)

    assert domains.train_ratios == pytest.approx({"A": 0.7, "B": 0.3})


def test_a_result_of_stage_1_for_other_domains_is_warned_about_where_it_is_used(tmp_path: Path) -> None:
    write_domain_map(MAP, tmp_path / "domains.json")
    measured = file_sha256(tmp_path / "domains.json")
    warnings = []
    for digest, mode in ((measured, "auto"), (None, "auto"), ("0" * 64, "auto"), ("0" * 64, "uniform")):
        write_stage_1(tmp_path, {"A": 0.6, "B": 0.4}, digest)
        lines: list[str] = []
        domains = DomainSampling(read_dataset_domains(tmp_path), DomainBalanceSettings(RatioMode(mode)))
        domains.begin_fold(CASES, lines.append)
        warnings.append([line for line in lines if line.startswith("WARNING")])

    assert [len(found) for found in warnings] == [0, 0, 1, 0]
    assert "run `drift prism` again" in warnings[2][0]


def test_batches_are_not_divided_if_that_part_is_off() -> None:
    assert sampling(DomainBalanceSettings(balance_batches=False)).case_domains(CASES) == {}
    assert sampling().case_domains(["a1", "b1"]) == {"a1": "A", "b1": "B"}


def test_only_balanced_batches_have_mixing_ratios() -> None:
    balanced, unbalanced = sampling(), sampling(DomainBalanceSettings(balance_batches=False))
    for domains in (balanced, unbalanced):
        domains.begin_fold(CASES, ignore)

    assert balanced.train_ratios == {"A": 0.5, "B": 0.5}
    assert unbalanced.train_ratios == {}


def test_validation_is_divided_by_domain() -> None:
    assert sampling().validation_parts(["b1", "a1", "b0"]) == {"A": ["a1"], "B": ["b1", "b0"]}
    assert sampling().validation_parts(["b1"]) == {"B": ["b1"]}


@pytest.mark.parametrize("count", [2, 4])
def test_fewer_than_five_cases_have_one_fold_each(count: int) -> None:
    for draws in (StockSampling(), sampling()):
        splits = draws.make_splits(CASES[:count])
        assert sorted(case for split in splits for case in split["val"]) == CASES[:count]
        assert len(splits) == count
        with pytest.raises(InvalidValueError, match="train with fold all"):
            draws.make_splits(CASES[:1])
