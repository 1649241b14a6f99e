"""The ablations: which part each leaves out, and that all are found by their names."""

import numpy as np
import pytest
import torch
from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform

from nnunetv2.pathology.stain.augmentation import StainJitter, StainTransfer
from nnunetv2.training.domain_balance.balance_settings import DomainBalanceSettings
from nnunetv2.training.nnUNetTrainer.variants.domains.intensity import nnUNetTrainerGreyInput
from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name
from tests.conftest import NnunetFolders
from tests.training.nnUNetTrainer.tiny_runs import SEVERAL, SINGLE, run
from tests.training.tiny_dataset import TinyTrainer, make_trainer, write_preprocessed

PARTS = ("balance_batches", "use_edge_heads", "select_by_balanced_dice", "stratify_splits")


def found(name: str) -> type:
    return recursive_find_trainer_class_by_name(name)


@pytest.mark.parametrize(
    ("name", "parts_off"),
    [
        ("nnUNetTrainer", {"balance_batches", "use_edge_heads"}),
        ("nnUNetTrainerJointBalancing", set()),
        ("nnUNetTrainerNoBatchBalance", {"balance_batches"}),
        ("nnUNetTrainerNoEdgeHeads", {"use_edge_heads"}),
        ("nnUNetTrainerNoBalancedSelection", {"select_by_balanced_dice"}),
        ("nnUNetTrainerNoDomains", set(PARTS)),
        ("nnUNetTrainerNoDomainsBN", set(PARTS)),
        ("nnUNetTrainerBalancedBatches", set(PARTS) - {"balance_batches"}),
        ("nnUNetTrainerBalancedSelection", set(PARTS) - {"select_by_balanced_dice"}),
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
    assert trainer.use_edge_heads
    usual = found("nnUNetTrainer").boundary_loss_settings.to_dict()
    assert settings == {**usual, f"{term}_weight": 0}


class TinyGrey(nnUNetTrainerGreyInput, TinyTrainer):
    """A short training on grey patches."""


@pytest.mark.usefixtures("in_this_process")
def test_a_network_trained_on_grey_answers_to_the_mean_of_the_channels(nnunet_folders: NnunetFolders) -> None:
    trainer = run(SEVERAL, nnunet_folders, TinyGrey)
    network = trainer.network.eval()
    image = torch.rand((1, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    grey = image.mean(dim=1, keepdim=True).expand_as(image)
    torch.testing.assert_close(network(image)[0], network(grey)[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("name", "scales"), [("nnUNetTrainerWideGeometry", (0.5, 2.0)), ("nnUNetTrainer", (0.7, 1.4))])
def test_wide_geometry_changes_the_spatial_step_only(name, scales) -> None:
    pipeline = found(name).get_training_transforms([32, 32], (-1.0, 1.0), None, (0, 1), False)
    usual = found("nnUNetTrainer").get_training_transforms([32, 32], (-1.0, 1.0), None, (0, 1), False)
    assert [type(step) for step in pipeline.transforms] == [type(step) for step in usual.transforms]
    (spatial,) = (step for step in pipeline.transforms if isinstance(step, SpatialTransform))
    assert spatial.scaling == scales


def test_wide_geometry_cuts_patches_that_are_large_enough_for_its_smallest_scale(nnunet_folders: NnunetFolders) -> None:
    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    sizes = {}
    for scales, name in (((0.5, 2.0), "nnUNetTrainerWideGeometry"), ((0.85, 1.25), "nnUNetTrainer")):
        trainer = make_trainer(SINGLE, trainer_class=found(name))
        patch = np.array(trainer.configuration_manager.patch_size)
        sizes[name] = trainer.configure_rotation_dummyDA_mirroring_and_inital_patch_size()[2]
        assert sizes[name].tolist() == (patch / min(scales)).astype(int).tolist()  # a square
    assert (sizes["nnUNetTrainerWideGeometry"] > sizes["nnUNetTrainer"]).all()


@pytest.mark.parametrize(
    ("name", "parts_on", "scales"),
    [
        ("StainTransferJitter", set(), (0.7, 1.4)),
        ("StainTransferJitterAverage", set(), (0.7, 1.4)),
        ("StainTransferJitterWideGeometry", set(), (0.5, 2.0)),
        ("JointStainTransferJitter", set(PARTS), (0.7, 1.4)),
        ("VariedStain", set(), (0.7, 1.4)),
        ("VariedStainAverage", set(), (0.7, 1.4)),
    ],
)
def test_varied_stains_can_be_joined_with_other_candidates(name, parts_on, scales) -> None:
    trainer = found(f"nnUNetTrainer{name}")
    steps = trainer.get_training_transforms([32, 32], (-1.0, 1.0), None, (0, 1), False).transforms
    assert [type(step) for step in steps[:2]] == [StainTransfer, StainJitter]
    assert next(step for step in steps if isinstance(step, SpatialTransform)).scaling == scales
    assert {part for part in PARTS if getattr(trainer, part)} == parts_on


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("SmallEdgeWeight", {"edge_weight": 0.05}),
        ("LargeEdgeWeight", {"edge_weight": 0.5}),
        (
            "EdgeCrossEntropy",
            {"inverse_weight": 0, "field_weight": 0, "skeleton_weight": 0, "cross_entropy_weight": 0.7},
        ),
    ],
)
def test_weights_of_the_boundary_loss_can_be_chosen_by_name(name: str, weights: dict[str, float]) -> None:
    usual = found("nnUNetTrainer").boundary_loss_settings.to_dict()
    assert found(f"nnUNetTrainer{name}").boundary_loss_settings.to_dict() == {**usual, **weights}


@pytest.mark.parametrize(("name", "rate"), [("JointBalancingLR1e3", 1e-3), ("NoDomainsLR1e3", 1e-3), ("", 1e-2)])
def test_the_learning_rate_can_be_chosen_by_name(name: str, rate: float) -> None:
    assert found(f"nnUNetTrainer{name}").initial_lr == rate


@pytest.mark.parametrize(
    ("name", "background"),
    [
        ("", False),
        ("JointBalancing", True),
        ("NoDomains", False),
        ("ForegroundDice", False),
        ("NoDomainsBackgroundDice", True),
    ],
)
def test_the_dice_has_the_background_with_edge_heads_or_by_name(
    nnunet_folders: NnunetFolders, name: str, background: bool
) -> None:
    write_preprocessed(SEVERAL, nnunet_folders.preprocessed)
    trainer = make_trainer(SEVERAL, trainer_class=found(f"nnUNetTrainer{name}"))
    trainer.initialize()
    assert trainer.loss.loss.dc.do_bg is background
