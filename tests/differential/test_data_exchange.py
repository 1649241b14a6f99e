"""Data preprocessed by one of the two packages trains in the other."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.differential.oracle import command, run_oracle, run_ours
from tests.pipeline.factories import NAME, Workspace, make_workspace
from tests.pipeline.test_main_job import shrink_plans

pytestmark = pytest.mark.long

PREPROCESS = command(
    "nnunetv2.experiment_planning.plan_and_preprocess_entrypoints", "plan_and_preprocess_entry",
    "-d", 310, "-c", "2d", "-npfp", 1, "-np", 1,
)  # fmt: skip

TRAIN = """
    import json, sys, torch
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    if __name__ == "__main__":
        names = ("nnUNetPlans.json", "dataset.json")
        plans, dataset_json = (json.load(open(f"{sys.argv[1]}/{name}")) for name in names)
        plans["continue_training"] = False
        trainer = nnUNetTrainer(plans, "2d", 0, dataset_json, device=torch.device("cpu"))
        trainer.num_epochs, trainer.num_iterations_per_epoch, trainer.num_val_iterations_per_epoch = 1, 3, 1
        trainer.run_training()
        trainer.perform_actual_validation()
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = make_workspace(tmp_path)
    (made.raw / "domains.json").unlink()
    return made


@pytest.mark.parametrize(
    ("preprocess", "train"),
    [(run_ours, run_oracle), pytest.param(run_oracle, run_ours, marks=pytest.mark.slow)],
    ids=["ours first", "stock first"],
)
def test_one_package_trains_on_what_the_other_preprocessed(
    workspace: Workspace, preprocess: Callable[..., str], train: Callable[..., str]
) -> None:
    preprocess(*PREPROCESS, env=workspace.folders.environment, forks=True)
    shrink_plans(workspace.preprocessed / "nnUNetPlans.json")

    train(TRAIN, workspace.preprocessed, env={**workspace.folders.environment, "nnUNet_n_proc_DA": "0"}, forks=True)

    fold = workspace.folders.results / NAME / "nnUNetTrainer__nnUNetPlans__2d" / "fold_0"
    assert (fold / "checkpoint_final.pth").is_file()
    assert len(json.loads((fold / "validation" / "summary.json").read_text())["metric_per_case"]) == 2
