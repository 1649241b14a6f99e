"""Other people's programs: what runs with nnU-Net 2.8.1 runs with ours, with the same labels, and more does.

`make test-clients` installs the programs and runs these tests.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.compat.clients.conftest import ClientRun, read_volumes

pytestmark = pytest.mark.slow
Run = Callable[..., ClientRun]
RUN_WITH_BOTH = ["hd_bet", "mr_segmentator", "total_segmentator", "total_spine_seg", "heat_map"]


def assert_same(written: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> None:
    """Compare volumes by name; expected are at least one, with more than one value."""
    assert written.keys() == expected.keys()
    assert any(len(np.unique(image)) > 1 for image in expected.values())
    for name, image in expected.items():
        assert (written[name] == image).all(), name


@pytest.mark.parametrize("program", RUN_WITH_BOTH)
def test_a_program_that_runs_with_nnunet_writes_the_same_with_ours(run_client: Run, program: str) -> None:
    ours, stock = run_client(program, stock=False), run_client(program, stock=True)
    assert ours.said == stock.said
    assert_same(ours.images(), stock.images())


def test_the_runner_of_monai_plans_and_preprocesses_alike(run_client: Run) -> None:
    ours, stock = run_client("monai_runner", stock=False).said, run_client("monai_runner", stock=True).said
    journal = "nnUNetPlans_3d_fullres.journal.jsonl"  # ours alone: what preprocessing goes on from
    assert {**ours, "files": [name for name in ours["files"] if name != journal]} == stock


def test_pvs_seg_predicts_with_a_finder_and_a_trainer_of_its_own(run_client: Run, untrained: Path) -> None:
    ours = run_client("pvs_seg", stock=False)
    expected = read_volumes(untrained / "reference" / "mirrored")
    assert ours.said == ["own_trainer", "plain"]
    for name in ours.said:
        assert_same(read_volumes(ours.folder / name), expected)
    stock = run_client("pvs_seg", stock=True)
    assert "has no attribute 'recursive_find_python_class'" in stock.output


def test_the_transforms_of_pvs_seg_follow_those_of_nnunet(run_client: Run) -> None:
    ours, stock = run_client("pvs_seg_trainer", stock=False), run_client("pvs_seg_trainer", stock=True)
    assert ours.said[-5:] == ["DownsampleSegForDSTransform", *["RandomTransform"] * 4]
    assert ours.said == stock.said


def test_the_trainers_of_total_segmentator_can_be_made_and_one_trains(run_client: Run) -> None:
    ours = run_client("total_segmentator_trainers", stock=False)
    assert ours.said == [[0.0025, 1000], [0.01, 2000], [0.01, 1]]
    assert "TypeError" in run_client("total_segmentator_trainers", stock=True).output


def test_moose_predicts_an_iterator_and_makes_its_trainer(run_client: Run) -> None:
    ours, stock = run_client("moose", stock=False), run_client("moose", stock=True)
    assert ours.said == [2000, None]
    assert_same(ours.images(), stock.images())
    assert "TypeError" in stock.output


def test_dg_tta_puts_trainers_of_nnunet_2_2_into_the_package(run_client: Run) -> None:
    ours = run_client("dg_trainers", stock=False)
    assert ours.said == [["nnUNetTrainer_GIN", 7, None], ["nnUNetTrainer_GIN_MIND", 7, None]]
    assert "TypeError" in run_client("dg_trainers", stock=True).output


def test_the_trainer_of_voxtell_is_found_in_a_folder_and_changes_its_plans(run_client: Run) -> None:
    # not with nnU-Net: its finder imports trainers that need a torchvision which fits this torch
    mirrored, plain = run_client("vox_tell_trainer", stock=False).said
    assert mirrored == ["VoxTellTrainer", [192, 192, 192], 2, 0.001, False, [0, 1, 2]]
    assert plain == ["VoxTellTrainer_noMirroring", [192, 192, 192], 2, 0.001, False, None]


def test_axon_deep_seg_makes_a_mask_of_each_class(run_client: Run, untrained: Path) -> None:
    ours, stock = run_client("axon_deep_seg", stock=False), run_client("axon_deep_seg", stock=True)
    assert ours.said[:2] == ["nerve.png", "nerve_seg-axon.png"]
    expected = np.asarray(Image.open(untrained / "reference" / "nerve.png"))
    assert len(np.unique(expected)) > 1
    for label, name in enumerate(("axon", "myelin"), start=1):
        mask = np.asarray(Image.open(ours.folder / f"nerve_seg-{name}.png"))
        assert ((mask > 0) == (expected == label)).all()
    assert "unexpected keyword argument 'perform_everything_on_gpu'" in stock.output


def test_monai_turns_a_model_into_a_bundle_predicts_with_it_and_turns_it_back(run_client: Run, untrained: Path) -> None:
    own_dictionaries = {"nnUNet_unsafe_checkpoints": "1"}  # MONAI writes its weights as objects of the package odict
    ours, stock = run_client("monai_bundle", stock=False, **own_dictionaries), run_client("monai_bundle", stock=True)
    expected = read_volumes(untrained / "reference" / "plain")
    first, *_ = expected
    assert ours.said == {"export": ["best_model.pt", "model.pt"], "wrap": [24, 40, 36], "back": sorted(expected)}
    assert_same(read_volumes(ours.folder / "again"), expected)
    assert (ours.images()["wrapped.nii.gz"] == expected[first]).all()
    assert stock.said["export"] == ours.said["export"]
    assert stock.said["wrap"].startswith("TypeError")
    assert stock.said["back"].startswith("ImportError")


def test_monai_turns_a_trained_model_into_a_bundle(run_client: Run) -> None:
    assert run_client("monai_trained", stock=False).said == ["best_model.pt", "model.pt"]
    assert run_client("monai_trained", stock=True).said == "UnpicklingError"


def test_trainers_in_forms_that_nnunet_refuses_can_be_made(run_client: Run) -> None:
    ours, stock = run_client("direct_trainers", stock=False), run_client("direct_trainers", stock=True)
    assert ours.said == {
        "directly": 0,
        "any arguments": 3,
        "one more argument": 0.5,
        "my_fantastic_logging": ["dice_per_class_or_region", "ema_fg_dice", "epoch_end_timestamps"],
    }
    assert list(stock.said.values()) == ["KeyError", "KeyError", "KeyError", "AttributeError"]
