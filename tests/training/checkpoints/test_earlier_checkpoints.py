from pathlib import Path

import pytest

from nnunetv2.training.checkpoints.earlier_checkpoints import OwnCheckpoints

ALL = ("best", "latest", "final")


def path_of(folder: Path, name: str) -> Path:
    return folder / f"checkpoint_{name}.pth"


@pytest.mark.parametrize(
    ("loaded", "written", "left"),
    [
        ("final", "latest", "best latest final_earlier"),
        ("final", "best", "best latest_earlier final_earlier"),
        ("latest", "best", "best latest final_earlier"),
        ("best", "best", "best latest_earlier final_earlier"),
        (None, "best", "best latest_earlier final_earlier"),
        (None, "latest", "best latest final_earlier"),
        (None, "final", "best latest final"),
    ],
)
def test_what_would_be_preferred_to_a_new_checkpoint_and_is_older_is_set_aside(
    tmp_path: Path, loaded: str | None, written: str, left: str
) -> None:
    for name in ALL:
        path_of(tmp_path, name).touch()
    own, lines = OwnCheckpoints(), []
    if loaded:
        own.loaded(path_of(tmp_path, loaded))
    own.written(path_of(tmp_path, written), lines.append)

    assert {file.name for file in tmp_path.iterdir()} == {path_of(tmp_path, name).name for name in left.split()}
    assert len(lines) == left.count("_earlier")


def test_the_checkpoints_of_the_training_itself_stay(tmp_path: Path) -> None:
    own, lines = OwnCheckpoints(), []
    for name in ("latest", "best", "final", "best", "latest"):
        path_of(tmp_path, name).touch()
        own.written(path_of(tmp_path, name), lines.append)

    assert {file.name for file in tmp_path.iterdir()} == {path_of(tmp_path, name).name for name in ALL}
    assert lines == []


def test_what_was_set_aside_goes_with_the_end_of_the_training(tmp_path: Path) -> None:
    own = OwnCheckpoints()
    for name in ALL:
        path_of(tmp_path, name).touch()
    own.written(path_of(tmp_path, "best"), lambda _: None)
    path_of(tmp_path, "final").touch()
    own.written(path_of(tmp_path, "final"), lambda _: None)

    assert {file.name for file in tmp_path.iterdir()} == {"checkpoint_best.pth", "checkpoint_final.pth"}
