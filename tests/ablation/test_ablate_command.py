"""`drift ablate` as a user runs it, on a tiny dataset of two domains."""

import json
from pathlib import Path

import pytest

from tests.pipeline.factories import Workspace, copy_workspace, make_workspace

QUICK = ("-d", 310, "--budget", "quick", "-device", "cpu", "--jobs", 0)


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = make_workspace(tmp_path_factory.mktemp("planned"))
    assert workspace.plan().code == 0
    return workspace


@pytest.fixture(scope="module")
def ablated(planned: Workspace, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, str]:
    workspace = copy_workspace(planned, tmp_path_factory.mktemp("ablated"))
    finished = workspace.run("drift", "ablate", *QUICK, "-tr", "nnUNetTrainer", "--seeds", 0)
    assert finished.code == 0, finished.errors
    return workspace, finished.out


def folder(workspace: Workspace) -> Path:
    return workspace.folders.results / "Dataset310_Cells" / "ablation_quick"


def test_every_candidate_is_trained_on_every_part(ablated: tuple[Workspace, str]) -> None:
    results = sorted(folder(ablated[0]).rglob("result.json"))
    assert [str(file.parent.relative_to(folder(ablated[0]))) for file in results] == [
        f"unseen-domain/2d/{trainer}/{part}__seed_0"
        for trainer in ("nnUNetTrainer", "nnUNetTrainerNoDomains")
        for part in "AB"
    ]
    for file in results:
        scores = json.loads(file.read_text())["scores"]
        assert [score["set"] for score in scores] == ["seen"] + ["unseen"] * 5
        assert not (file.parent / "training").exists()


def test_the_table_shows_both_with_intervals_in_all_forms(ablated: tuple[Workspace, str]) -> None:
    workspace, out = ablated
    assert "| nnUNetTrainer | 1 |" in out
    for ending in ("csv", "md", "html"):
        text = (folder(workspace) / f"unseen-domain_2d.{ending}").read_text()
        assert "nnUNetTrainerNoDomains" in text
    lines = (folder(workspace) / "unseen-domain_2d.csv").read_text().splitlines()
    mean = next(line for line in lines if line.startswith("unseen,nnUNetTrainer,0,dice_mean"))
    value, difference, low, high = map(float, mean.split(",")[4:8])
    assert 0 <= value <= 1
    assert low <= difference <= high


def test_a_second_run_trains_nothing_and_equal_seeds_give_equal_scores(
    ablated: tuple[Workspace, str], planned: Workspace, tmp_path: Path
) -> None:
    workspace = copy_workspace(ablated[0], tmp_path)
    file = folder(workspace) / "unseen-domain/2d/nnUNetTrainer/A__seed_0/result.json"
    before = json.loads(file.read_text())
    file.unlink()  # as after a kill
    again = workspace.run("drift", "ablate", *QUICK, "-tr", "nnUNetTrainer", "--seeds", 0)
    assert again.code == 0
    assert again.out == ablated[1].replace(str(ablated[0].folders.results), str(workspace.folders.results))
    assert json.loads(file.read_text())["scores"] == before["scores"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (("-tr", "nnUNetTrainerX"), "Could not find the trainer class nnUNetTrainerX"),
        (("-tr", "nnUNetTrainer:OtherPlans"), "OtherPlans.json not found"),
        (("--protocol", "unseen"), "--protocol unseen: expected one of unseen-domain, domain-pairs"),
        (("--budget", "large"), "unknown budget 'large'"),
        (("-c", "3d_fullres"), "Configuration 3d_fullres not found"),
        (("--table_only",), "no candidate is finished with any seed"),
        (("-d", "999"), "Could not find a dataset with the ID 999"),
    ],
)
def test_mistakes_are_one_line(planned: Workspace, changes: tuple[str, ...], message: str) -> None:
    assert message in planned.run("drift", "ablate", *QUICK, *changes).error


def test_a_dataset_without_domains_is_refused(planned: Workspace, tmp_path: Path) -> None:
    workspace = copy_workspace(planned, tmp_path)
    (workspace.preprocessed / "domains.json").unlink()
    assert "an ablation needs domains" in workspace.run("drift", "ablate", *QUICK).error


def test_cells_of_another_budget_are_refused(ablated: tuple[Workspace, str]) -> None:
    options = ("-d", 310, "--budget", "small", "-o", folder(ablated[0]), "--seeds", 0)
    assert "another budget" in ablated[0].run("drift", "ablate", *options).error
