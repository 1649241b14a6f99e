"""`drift start`: a folder becomes a dataset, or one table of everything that is wrong with it."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnunetv2.dataset_proposal.command_line import start_entry
from nnunetv2.dataset_proposal.proposal import StartSettings, propose
from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity
from tests.conftest import NnunetFolders
from tests.dataset_proposal.factories import write_image, write_mask, write_pairs
from tests.seen_pages import in_a_browser, problems_of

HOSPITALS = ("north", "south")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two hospitals with six pairs each, of equal names, masks with 0 and 255."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["x"])
    folder = tmp_path / "my data"
    for hospital in HOSPITALS:
        write_pairs(folder / hospital, [f"{number:03d}" for number in range(6)], values=(0, 255))
    return folder


def start(data: Path, *more: object) -> None:
    sys.argv = ["drift start", *map(str, (data, "-np", 0, *more))]
    start_entry()


def fail(capsys: pytest.CaptureFixture[str], data: Path, *more: object) -> tuple[str, str]:
    with pytest.raises(SystemExit) as caught:
        start(data, *more)
    assert caught.value.code == 2
    return capsys.readouterr()


def test_two_hospitals_become_a_dataset_with_domains(nnunet_folders: NnunetFolders, data: Path) -> None:
    start(data, "--yes")

    target = nnunet_folders.raw / "Dataset001_MyData"
    verify_dataset_integrity(str(target), 0)
    assert json.loads((target / "dataset.json").read_text())["labels"] == {"background": 0, "foreground": 1}
    domains = json.loads((target / "domains.json").read_text())["domains"]
    assert {name: len(cases) for name, cases in domains.items()} == {"north": 6, "south": 6}
    assert np.unique(np.asarray(Image.open(target / "labelsTr" / "south_003.png"))).tolist() == [0, 1]
    assert "data:image/jpeg" in Path("drift_start.html").read_text()


def test_nothing_is_written_before_the_user_agrees(
    nnunet_folders: NnunetFolders, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start(data)
    out = capsys.readouterr().out
    assert list(nnunet_folders.raw.iterdir()) == []
    assert "north: 6, south: 6, from the names of folders" in out
    assert "1 foreground (from 255)" in out
    assert "run it again with --yes" in out


@pytest.mark.parametrize(("answer", "written"), [("y\n", True), ("n\n", False), ("", False)])
def test_who_sits_at_the_terminal_is_asked_once(
    nnunet_folders: NnunetFolders, data: Path, monkeypatch: pytest.MonkeyPatch, answer: str, written: bool
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(sys.stdin, "readline", lambda: answer)
    start(data)
    assert bool(list(nnunet_folders.raw.iterdir())) == written


def test_all_problems_stand_in_one_table_with_what_to_do(
    nnunet_folders: NnunetFolders, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_image(data / "north/images/lonely.png")
    (data / "north/images/001.png").write_bytes(b"\x89PNG no image")
    write_mask(data / "south/masks/002.png", (0, 255), side=9)
    write_image(data / "south/masks/003.png")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(data / "south/images/004.png")

    out, err = fail(capsys, data, "--yes")

    rows = [line for line in out.splitlines() if ".png" in line]
    for file, what in (
        ("north/images/lonely.png", "no mask for this image"),
        ("north/images/001.png", "cannot be read"),
        ("south/masks/002.png", "(9, 9) pixels, expected (8, 8)"),
        ("south/masks/003.png", "shows 64 different colours"),
        ("south/images/004.png", "is grey, most others are RGB"),
    ):
        assert any(row.startswith(file) and what in row for row in rows), (file, rows)
    assert "error: 5 problems, see the table above; no dataset was written" in err
    assert list(nnunet_folders.raw.iterdir()) == []

    start(data, "--yes", "--skip")
    (target,) = nnunet_folders.raw.iterdir()
    assert len(list((target / "imagesTr").iterdir())) == 8


def test_a_table_beside_the_images_names_domains_and_patients(nnunet_folders: NnunetFolders, tmp_path: Path) -> None:
    write_pairs(tmp_path / "d", list("abcdef"))
    (tmp_path / "d" / "origin.csv").write_text(
        "case,domain,group\n" + "".join(f"{c},{'n' if c < 'd' else 's'},p{c < 'c'}\n" for c in "abcdef")
    )
    start(tmp_path / "d", "--yes", "-n", "Named", "-d", 7, "-o", tmp_path / "p.html")
    target = nnunet_folders.raw / "Dataset007_Named"
    assert json.loads((target / "domains.json").read_text()) == {"domains": {"n": list("abc"), "s": list("def")}}
    assert json.loads((target / "groups.json").read_text())["groups"]["f"] == "pFalse"


@pytest.mark.parametrize(
    ("slides", "advice"),
    [
        (("slide1", "slide2", "slide3"), ["train with fold `all`", "nnUNetv2_train 1 2d all"]),
        (("north1", "north2", "south1"), ["make 3 folds", "drift splits -d 1 --folds 3", "nnUNetv2_train 1 2d 0"]),
    ],
)
def test_few_patients_get_fewer_folds(
    nnunet_folders: NnunetFolders,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    slides: tuple[str, ...],
    advice: list[str],
) -> None:
    write_pairs(tmp_path / "d", [f"{slide}_tile_{tile}" for slide in slides for tile in (1, 2)])
    start(tmp_path / "d", "--yes", "-o", tmp_path / "p.html")
    out = capsys.readouterr().out
    assert [words for words in advice if words not in out] == []


def test_a_taken_id_a_page_of_others_and_a_missing_folder_are_one_line(
    nnunet_folders: NnunetFolders, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (nnunet_folders.raw / "Dataset003_Old").mkdir()
    assert "id 3 is taken by Dataset003_Old" in fail(capsys, data, "-d", 3)[1]
    assert "no such folder" in fail(capsys, data / "none")[1]
    Path("notes.txt").write_text("mine")
    assert "exists and is not" in fail(capsys, data, "-o", "notes.txt")[1]
    assert Path("notes.txt").read_text() == "mine"


def test_pipes_and_impossible_names_are_problems_and_nothing_waits_for_them(
    nnunet_folders: NnunetFolders, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pairs(data / "north", ["with\x1b[31mcolour", os.fsdecode(b"latin_\xe9"), "with_<b>"])
    os.mkfifo(data / "origin.csv")
    os.mkfifo(data / "north/images/006.png")
    out, _ = fail(capsys, data, "--yes")
    assert "has a control character in its name" in out
    assert "has a name that is not UTF-8" in out
    assert len([line for line in out.splitlines() if "is a named pipe" in line]) == 2
    assert "\x1b" not in out
    assert "latin_\\udce9" in Path("drift_start.html").read_text()
    start(data, "--yes", "--skip")
    (target,) = nnunet_folders.raw.iterdir()
    assert len(list((target / "imagesTr").iterdir())) == 13


def test_a_table_names_cases_that_are_left_out_too(nnunet_folders: NnunetFolders, tmp_path: Path) -> None:
    write_pairs(tmp_path / "d", list("abcd"))
    write_image(tmp_path / "d/images/e.png")
    (tmp_path / "d/images/a.png").write_bytes(b"\x89PNG no image")
    rows = "".join(f"{case},{'n' if case < 'c' else 's'}\n" for case in "abcde")
    (tmp_path / "d/origin.csv").write_text(f"case,domain\n{rows}")
    start(tmp_path / "d", "--yes", "--skip", "-o", tmp_path / "p.html")
    (target,) = nnunet_folders.raw.iterdir()
    assert json.loads((target / "domains.json").read_text()) == {"domains": {"n": ["b"], "s": ["c", "d"]}}


def test_images_without_masks_become_images_for_tests(
    nnunet_folders: NnunetFolders, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_image(data / "new images/a.png")
    write_pairs(data / "test", ["b"], values=(0, 255))
    write_mask(data / "test/masks/b.png", (0, 255))
    start(data, "--yes")
    (target,) = nnunet_folders.raw.iterdir()
    assert sorted(file.name for file in (target / "imagesTs").iterdir()) == ["a_0000.png", "b_0000.png"]
    assert np.unique(np.asarray(Image.open(target / "labelsTs/b.png"))).tolist() == [0, 1]
    assert json.loads((target / "dataset.json").read_text())["numTraining"] == 12
    out = capsys.readouterr().out
    assert "2 images that are not trained on (imagesTs), 1 of them with masks (labelsTs)" in out
    assert "-i $nnUNet_raw/Dataset001_MyData/imagesTs" in out


def test_images_for_tests_have_problems_too_and_can_be_left_out(
    nnunet_folders: NnunetFolders, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "test/images").mkdir(parents=True)
    (data / "test/images/a.png").write_bytes(b"\x89PNG no image")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(data / "test/images/b.png")
    out, _ = fail(capsys, data, "--yes")
    assert "test/images/a.png" in out
    assert "is grey, most others are RGB" in out
    start(data, "--yes", "--skip")
    (target,) = nnunet_folders.raw.iterdir()
    assert not (target / "imagesTs").exists()


def test_one_domain_in_a_table_leads_to_no_command_that_needs_several(
    nnunet_folders: NnunetFolders, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pairs(tmp_path / "d", list("abcd"))
    rows = "".join(f"{case},north,p{case < 'c'}\n" for case in "abcd")
    (tmp_path / "d/origin.csv").write_text(f"case,domain,group\n{rows}")
    start(tmp_path / "d", "--yes", "-o", tmp_path / "p.html")
    (target,) = nnunet_folders.raw.iterdir()
    assert not (target / "domains.json").exists()
    out = capsys.readouterr().out
    assert "nnUNetv2_train 1 2d all" in out
    assert [command for command in ("drift prism", "drift splits") if command in out] == []


def test_values_that_the_user_maps_to_a_gap_become_labels_without_gaps(
    nnunet_folders: NnunetFolders, data: Path
) -> None:
    start(data, "--yes", "--relabel", "255=5")
    (target,) = nnunet_folders.raw.iterdir()
    assert np.unique(np.asarray(Image.open(target / "labelsTr" / "south_003.png"))).tolist() == [0, 1]


def test_without_nnunets_folders_the_proposal_is_shown_and_what_to_set(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        monkeypatch.delenv(name, raising=False)
    start(data)
    assert "nnUNet_raw is not set: export nnUNet_raw=" in capsys.readouterr().out
    assert "nnUNet_results is not set" in fail(capsys, data, "--yes")[1]


def test_images_that_occur_twice_slides_and_few_cases_are_worth_a_note(
    nnunet_folders: NnunetFolders, tmp_path: Path
) -> None:
    for name in "ab":
        write_image(tmp_path / "images" / f"{name}.png", seed=1)
        write_mask(tmp_path / "masks" / f"{name}.png")
    (tmp_path / "x.svs").touch()
    notes = " ".join(propose(StartSettings(tmp_path, num_processes=0)).notes)
    for words in ("1 images occur more than once, such as a and b", "1 files are whole slides", "only 2 cases"):
        assert words in notes


@in_a_browser
def test_the_page_is_readable_in_a_browser(nnunet_folders: NnunetFolders, data: Path, tmp_path: Path) -> None:
    write_image(data / "north/images" / f"{'lonely_' * 20}.png")
    write_mask(data / "south/masks/002.png", (0, 255), side=9)
    with pytest.raises(SystemExit):
        start(data)
    assert problems_of(Path("drift_start.html").read_text(), tmp_path) == []
