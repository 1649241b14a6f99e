"""The ablations: which part each leaves out, and that all are found by their names."""

import pytest

from nnunetv2.training.session.domain_balance import DomainBalanceSettings
from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name

PARTS = ("balance_batches", "use_edge_heads", "select_by_balanced_dice", "stratify_splits")


def found(name: str) -> type:
    return recursive_find_trainer_class_by_name(name)


@pytest.mark.parametrize(
    ("name", "parts_off"),
    [
        ("nnUNetTrainer", set()),
        ("nnUNetTrainerNoBatchBalance", {"balance_batches"}),
        ("nnUNetTrainerNoEdgeHeads", {"use_edge_heads"}),
        ("nnUNetTrainerNoBalancedSelection", {"select_by_balanced_dice"}),
        ("nnUNetTrainerNoDomains", set(PARTS)),
    ],
)
def test_each_ablation_switches_off_its_part_only(name, parts_off) -> None:
    trainer = found(name)
    assert {part for part in PARTS if not getattr(trainer, part)} == parts_off
    assert trainer.domain_ratio_mode == "auto"


def test_without_all_parts_nothing_differs_from_nnunet() -> None:
    trainer = found("nnUNetTrainerNoDomains")
    assert not DomainBalanceSettings(**{part: getattr(trainer, part) for part in PARTS}).anything_on


@pytest.mark.parametrize("mode", ["uniform", "proportional"])
def test_ratios_can_be_fixed_by_name(mode) -> None:
    trainer = found(f"nnUNetTrainer{mode.capitalize()}Ratios")
    assert trainer.domain_ratio_mode == mode
    assert all(getattr(trainer, part) for part in PARTS)


@pytest.mark.parametrize("term", ["inverse", "field", "skeleton"])
def test_each_term_of_the_boundary_loss_can_be_left_out(term) -> None:
    trainer = found(f"nnUNetTrainerNo{term.capitalize()}Loss")
    settings = trainer.boundary_loss_settings.to_dict()
    usual = found("nnUNetTrainer").boundary_loss_settings.to_dict()
    assert settings == {**usual, f"{term}_weight": 0}
