"""What a training scores."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nnunetv2.domains.dataset_domains import DatasetDomains
from nnunetv2.training.domain_balance.balance_settings import DomainBalanceSettings
from nnunetv2.training.domain_balance.domain_scoring import DomainScoring, StockScoring
from nnunetv2.training.logging.local_logger import LocalLogger
from nnunetv2.training.steps.epoch_metrics import Counts
from s1.domain_map import DomainMap

CASES = [f"{domain}{number}" for domain in "ab" for number in range(10)]
MAP = DomainMap({"A": tuple(CASES[:10]), "B": tuple(CASES[10:])})


def scoring(settings: DomainBalanceSettings = DomainBalanceSettings(), **changes: object) -> DomainScoring:  # noqa: B008
    return DomainScoring(DatasetDomains(**{"domain_map": MAP, **changes}), settings)  # type: ignore[arg-type]


def counts(dice_percent: int) -> Counts:
    return Counts(np.array([dice_percent / 2]), np.array([100.0 - dice_percent]), np.array([0.0]))


def test_stock_scores_nothing_by_domain() -> None:
    stock = StockScoring()
    stock.log_validation({"A": counts(50)}, 0, LocalLogger())

    assert stock.tag(CASES) == {}
    assert stock.domains_of(CASES[:2]) == ["", ""]
    assert stock.score(0.3, 0) == 0.3
    assert stock.checkpoint_entry() == {}
    assert stock.curves.balanced_dice == []


def test_a_logger_with_no_methods_at_all_is_left_alone_and_external_ones_hear_every_curve() -> None:
    heard: list[tuple[Any, ...]] = []
    external = SimpleNamespace(log=lambda *values: heard.append(values))
    domains = scoring()
    for logger in (object(), SimpleNamespace(loggers=[external])):
        domains.log_edge_loss([0.25, 0.75], 0, logger)
        domains.log_validation({"A": counts(50), "B": counts(50)}, 0, logger)

    dice = counts(50).dice()[0]
    names = ("val/dice/A", "val/dice/B", "val/balanced_dice", "val/worst_domain_dice")
    assert heard == [("train/edge_loss", 0.5, 0), *((name, pytest.approx(dice), 0) for name in names)]


def test_a_validation_batch_is_tagged_only_if_its_cases_share_a_domain() -> None:
    domains = scoring()

    assert domains.tag(np.array(["b1", "b0"])) == {"domain": ["B"]}
    for keys in (["a1", "b1"], ["b1", "random"], ["random", "random"], []):
        assert domains.tag(keys) == {"domain": [""]}


def test_the_best_checkpoint_follows_the_average_of_the_balanced_dice() -> None:
    domains, logger, lines = scoring(), LocalLogger(), []
    domains.log_validation({"A": counts(50), "B": counts(100)}, 0, logger)
    domains.report(lines.append)

    a, b = counts(50).dice()[0], counts(100).dice()[0]
    assert domains.score(0.123, 0) == pytest.approx((a + b) / 2)
    assert lines[-1] == f"Balanced dice {round((a + b) / 2, 4)}, worst domain {round(min(a, b), 4)}"
    assert logger.further_curves is domains.curves


def test_the_pooled_dice_selects_if_there_is_no_balanced_one() -> None:
    domains = scoring()
    domains.log_validation({}, 0, LocalLogger())
    assert domains.score(0.123, 0) == 0.123

    off = scoring(DomainBalanceSettings(select_by_balanced_dice=False))
    off.log_validation({"A": counts(50)}, 0, LocalLogger())
    assert off.score(0.123, 0) == 0.123


def test_an_epoch_whose_validation_was_not_logged_does_not_select_by_an_older_one() -> None:
    domains = scoring()
    domains.log_validation({"A": counts(50)}, 0, LocalLogger())

    assert domains.score(0.123, 1) == 0.123


def test_curves_survive_a_checkpoint_and_changed_domains_are_reported() -> None:
    domains, lines = scoring(), []
    domains.log_validation({"A": counts(50), "B": counts(60)}, 0, LocalLogger())
    domains.log_edge_loss([0.25, 0.75], 0, LocalLogger())
    entry, again = domains.checkpoint_entry(), scoring()

    again.restore(entry, lines.append)
    assert again.curves == domains.curves
    assert again.curves.edge_loss == [0.5]
    assert lines == []

    again.restore({**entry, "domains": ["A", "C"]}, lines.append)
    assert lines == ["WARNING: the domains were A, C, now they are A, B"]
