"""`drift ablate` as a user runs it, on a tiny dataset of two domains."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from nnunetv2.ablation import cell_run, report
from nnunetv2.ablation.bootstrap import Figure
from nnunetv2.ablation.cell_run import CellTask
from nnunetv2.ablation.command_line import ablate_entry
from nnunetv2.errors import MissingFileError
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


@pytest.mark.long
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
        assert all(len(score["features"]) % 2 == 0 and any(score["features"]) for score in scores)
        assert not (file.parent / "training").exists()
        assert [picture.name for picture in sorted(file.parent.glob("*.png"))] == [f"worst_{n}.png" for n in (1, 2, 3)]


@pytest.mark.long
def test_the_table_shows_both_with_intervals_in_all_forms(ablated: tuple[Workspace, str]) -> None:
    workspace, out = ablated
    assert "| nnUNetTrainer | 1 |" in out
    for ending in ("csv", "md", "html"):
        text = (folder(workspace) / f"unseen-domain_2d.{ending}").read_text()
        assert "nnUNetTrainerNoDomains" in text
    page = (folder(workspace) / "unseen-domain_2d.html").read_text()
    assert page.count('<img src="data:image/png') == 2, "the worst unseen image of each of two candidates"
    lines = (folder(workspace) / "unseen-domain_2d.csv").read_text().splitlines()
    mean = next(line for line in lines if line.startswith("unseen,nnUNetTrainer,0,dice_mean"))
    value, difference, low, high = map(float, mean.split(",")[4:8])
    assert 0 <= value <= 1
    assert low <= difference <= high


@pytest.mark.slow
def test_the_table_shows_how_well_unseen_domains_are_told_by_their_colours(
    ablated: tuple[Workspace, str], tmp_path: Path
) -> None:
    workspace = copy_workspace(ablated[0], tmp_path)
    for file in (folder(workspace) / "unseen-domain/2d/nnUNetTrainer").rglob("result.json"):
        content = json.loads(file.read_text())
        for score in content["scores"]:
            score.update(domain_distance=1.0 if score["set"] == "seen" else 3.0, domain_limit=2.0)
        file.write_text(json.dumps(content))
    shown = workspace.run("drift", "ablate", *QUICK, "-tr", "nnUNetTrainer", "--seeds", 0, "--table_only")
    assert shown.code == 0, shown.errors
    assert "| nnUNetTrainer | 1.000 | 1.000 | 1.000 | 1.000 |" in shown.out
    assert "told from seen ones" not in ablated[1], "trained on too few images to measure"
    lines = (folder(workspace) / "unseen-domain_2d.csv").read_text().splitlines()
    assert len({line.count(",") for line in lines}) == 1
    assert any(line.startswith("unseen against seen,nnUNetTrainer,0,flag_auroc,1.00000,,,,,") for line in lines)


@pytest.mark.long
def test_a_second_run_trains_what_is_missing_and_equal_seeds_give_equal_scores(
    ablated: tuple[Workspace, str], tmp_path: Path
) -> None:
    workspace = copy_workspace(ablated[0], tmp_path)
    file = folder(workspace) / "unseen-domain/2d/nnUNetTrainer/A__seed_0/result.json"
    others = {other: other.stat().st_mtime_ns for other in folder(workspace).rglob("result.json") if other != file}
    before = json.loads(file.read_text())["scores"]
    file.unlink()  # as after a kill
    assert workspace.run("drift", "ablate", *QUICK, "-tr", "nnUNetTrainer", "--seeds", 0).code == 0
    assert json.loads(file.read_text())["scores"] == before
    assert {other: other.stat().st_mtime_ns for other in others} == others


@pytest.fixture
def mistake(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], run_command: Callable[..., None]
) -> Callable[..., str]:
    """Run the command in this process and return its error, one line unless `lines` says so."""

    def run(workspace: Workspace, *options: object, lines: int | None = 1) -> str:
        for variable, value in workspace.folders.environment.items():
            monkeypatch.setenv(variable, value)
        run_command(ablate_entry, *options, exit_code=2)
        errors = capsys.readouterr().err
        assert lines is None or len(errors.splitlines()) == lines, errors
        return errors

    return run


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (("-tr", "nnUNetTrainerX"), "Could not find the trainer class nnUNetTrainerX"),
        (("-tr", "nnUNetTrainer:OtherPlans"), "OtherPlans.json not found"),
        (("-tr", "nnUNetTrainer@worst"), "names no trainer"),
        (("--protocol", "unseen"), "--protocol unseen: expected one of unseen-domain, domain-pairs"),
        (("--budget", "large"), "unknown budget 'large'"),
        (("-c", "3d_fullres"), "Configuration 3d_fullres not found"),
        (("-device", "tpu"), "-device tpu: expected auto, cpu or cuda"),
        (("--jobs", -1), "--jobs -1: expected 0 or more"),
        (("--seeds", 0, -1), "--seeds -1: expected numbers from 0 to 4294967295"),
        (("--seeds", 2**32), "--seeds 4294967296: expected numbers from 0"),
        (("--table_only",), "no candidate is finished with any seed"),
        (("-d", "999"), "Could not find a dataset with the ID 999"),
    ],
)
def test_mistakes_are_one_line(
    planned: Workspace, mistake: Callable[..., str], changes: tuple[str, ...], message: str
) -> None:
    assert message in mistake(planned, *QUICK, *changes)


def test_a_dataset_without_domains_is_refused(planned: Workspace, tmp_path: Path, mistake: Callable[..., str]) -> None:
    workspace = copy_workspace(planned, tmp_path)
    (workspace.preprocessed / "domains.json").unlink()
    assert "domains.json not found; `drift domains` makes it" in mistake(workspace, *QUICK)


def test_a_failing_cell_is_named_also_if_nothing_is_finished(
    planned: Workspace, tmp_path: Path, mistake: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(task: CellTask) -> bool:
        raise MissingFileError(f"{task.cell.part}.b2nd not found")

    monkeypatch.setattr(cell_run, "run_cell", fail)
    options = ("-o", tmp_path, "-tr", "nnUNetTrainerNoDomains", "--seeds", 0)
    assert "A.b2nd not found" in mistake(planned, *QUICK, *options, lines=None)


def test_a_run_whose_cells_are_all_done_elsewhere_is_no_mistake(
    planned: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    run_command: Callable[..., None],
) -> None:
    monkeypatch.setattr(cell_run, "run_cell", lambda _: False)
    for variable, value in planned.folders.environment.items():
        monkeypatch.setenv(variable, value)
    run_command(ablate_entry, *QUICK, "-o", tmp_path, "-tr", "nnUNetTrainerNoDomains", "--seeds", 0)
    assert "other processes work on 2 cells" in capsys.readouterr().out


@pytest.mark.long
def test_cells_of_another_budget_are_refused(ablated: tuple[Workspace, str], mistake: Callable[..., str]) -> None:
    options = ("-d", 310, "--budget", "small", "-o", folder(ablated[0]), "--seeds", 0)
    assert "another budget" in mistake(ablated[0], *options)


@pytest.mark.slow
def test_pairs_of_domains_give_drops_and_say_that_distances_are_missing(planned: Workspace, tmp_path: Path) -> None:
    workspace = copy_workspace(planned, tmp_path)
    options = ("--protocol", "domain-pairs", "-tr", "nnUNetTrainerNoDomains", "--seeds", 0)
    finished = workspace.run("drift", "ablate", *QUICK, *options)
    assert finished.code == 0, finished.errors
    assert "run `drift prism -d Dataset310_Cells`" in finished.out
    assert workspace.run("drift", "prism", "-d", 310, "--no-report").code == 0
    assert workspace.run("drift", "ablate", *QUICK, *options, "--table_only").code == 0
    pairs = (folder(workspace) / "domain-pairs_2d_pairs.csv").read_text().splitlines()
    assert [line.split(",")[:3] for line in pairs[1:]] == [
        ["nnUNetTrainerNoDomains", "A", "B"],
        ["nnUNetTrainerNoDomains", "B", "A"],
    ]
    header = pairs[0].split(",")
    assert {"published_shift", "colour_wasserstein", "encoder_features"} <= set(header)
    assert all(line.split(",")[header.index("encoder_features")] for line in pairs[1:])


@pytest.mark.parametrize(("seeds", "text"), [(1, "0.800 [+0.010, +0.020]"), (2, "0.800 [+0.010, +0.020]*")])
def test_a_difference_of_one_seed_is_never_called_certain(seeds: int, text: str) -> None:
    assert report._text(Figure(0.8, 0.015, (0.01, 0.02)), seeds) == text
