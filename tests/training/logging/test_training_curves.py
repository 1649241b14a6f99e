import json
import math

import pytest

from nnunetv2.training.logging.training_curves import DomainCurves, training_curves

RATIOS = {"a": 0.75, "b": 0.25}
NAMES = ("a", "b")


def test_balanced_dice_weighs_domains_by_their_ratios() -> None:
    curves = DomainCurves()
    curves.add_validation(0, {"a": [0.2, 0.4], "b": [0.7, math.nan]}, RATIOS, NAMES)

    assert curves.dice == {"a": [pytest.approx(0.3)], "b": [pytest.approx(0.7)]}
    assert curves.balanced_dice == [pytest.approx(0.75 * 0.3 + 0.25 * 0.7)]
    assert curves.worst_domain_dice == [pytest.approx(0.3)]


def test_the_moving_average_skips_epochs_without_a_value() -> None:
    curves = DomainCurves()
    for epoch, dice in enumerate([math.nan, 0.5, math.nan, 0.7]):
        curves.add_validation(epoch, {"a": [dice]}, RATIOS, NAMES)

    assert math.isnan(curves.ema_balanced_dice[0])
    assert curves.ema_balanced_dice[1:] == [0.5, 0.5, pytest.approx(0.52)]
    assert all(math.isnan(value) for value in curves.dice["b"])


def test_a_run_resumed_from_an_older_checkpoint_has_gaps_instead_of_shifts() -> None:
    curves = DomainCurves()
    curves.add_validation(3, {"a": [0.5]}, RATIOS, NAMES)

    assert len(curves.dice["a"]) == 4
    assert math.isnan(curves.dice["a"][2])
    assert curves.dice_per_class["a"] == [[], [], [], [0.5]]


def test_curves_survive_a_checkpoint() -> None:
    curves = DomainCurves()
    curves.add_validation(0, {"a": [0.5], "b": [0.1]}, RATIOS, NAMES)
    curves.add_edge_loss(0, 0.25)

    assert DomainCurves.from_dict({**curves.to_dict(), "of_a_later_version": 1}) == curves


def test_only_curves_with_entries_are_drawn() -> None:
    curves = DomainCurves()
    curves.add_validation(0, {"a": [0.5], "b": [0.1]}, RATIOS, NAMES)

    assert list(curves.drawn()["dice"]) == ["a", "b", "balanced", "worst domain"]
    assert curves.drawn()["losses"] == {}


def test_training_curves_are_plain_json_with_null_for_missing_numbers() -> None:
    curves = DomainCurves()
    curves.add_validation(0, {"a": [0.5]}, RATIOS, NAMES)
    logged = {
        "train_losses": [0.5],
        "val_losses": [math.nan],
        "mean_fg_dice": [0.25],
        "ema_fg_dice": [0.25],
        "lrs": [0.01],
        "epoch_start_timestamps": [10.0],
        "epoch_end_timestamps": [12.5],
    }

    content = json.loads(json.dumps(training_curves(logged, curves, RATIOS), allow_nan=False))

    assert content == {
        "version": 1,
        "epochs": 1,
        "train_losses": [0.5],
        "val_losses": [None],
        "mean_fg_dice": [0.25],
        "ema_fg_dice": [0.25],
        "lrs": [0.01],
        "epoch_seconds": [2.5],
        "domains": {"a": {"dice": [0.5]}, "b": {"dice": [None]}},
        "balanced_dice": [0.5],
        "worst_domain_dice": [0.5],
        "edge_loss": [],
        "edge_f1": [],
        "mixing_ratios": RATIOS,
    }
    assert training_curves(logged, curves, {})["mixing_ratios"] is None
