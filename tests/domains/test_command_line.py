"""`drift domains` and `drift splits` on a small dataset: right files, nothing overwritten, errors in one line."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nnunetv2.domains.command_line import domains_entry, splits_entry


@pytest.fixture
def dataset(nnunet_folders) -> Path:
    folder = nnunet_folders.raw / "Dataset110_Small"
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    cases = [f"case_{number}" for number in range(1, 13)]
    for case in cases:
        (folder / "imagesTr" / f"{case}_0000.png").touch()
        (folder / "labelsTr" / f"{case}.png").touch()
    content = {
        "channel_names": {"0": "R"},
        "labels": {"background": 0, "tumor": 1},
        "numTraining": 12,
        "file_ending": ".png",
    }
    (folder / "dataset.json").write_text(json.dumps(content))
    return folder


def make_domains(run_command: Callable[..., None], *more: str, exit_code: int = 0) -> None:
    run_command(domains_entry, "-d", "110", "--ranges", "A=1-7", "B=8-", *more, exit_code=exit_code)


def test_domains_from_ranges(dataset, run_command, capsys) -> None:
    make_domains(run_command)

    written = json.loads((dataset / "domains.json").read_text())["domains"]
    assert len(written["A"]) == 7
    assert sorted(written["B"]) == ["case_10", "case_11", "case_12", "case_8", "case_9"]
    assert "A: 7 cases" in capsys.readouterr().out


def test_domains_from_a_pattern_and_from_a_table(dataset, run_command, tmp_path) -> None:
    pattern = r"_(?P<domain>\d)"
    run_command(domains_entry, "-d", "Dataset110_Small", "--pattern", pattern, "-o", str(tmp_path / "p.json"))
    table = "case,domain\n" + "".join(f"case_{n},{'odd' if n % 2 else 'even'}\n" for n in range(1, 13))
    (tmp_path / "t.csv").write_text(table)
    run_command(domains_entry, "-d", "110", "--csv", str(tmp_path / "t.csv"), "-o", str(tmp_path / "c.json"))

    assert json.loads((tmp_path / "p.json").read_text())["domains"]["2"] == ["case_2"]
    assert len(json.loads((tmp_path / "c.json").read_text())["domains"]["odd"]) == 6
    assert not (dataset / "domains.json").exists()


def test_an_existing_map_is_kept_without_the_flag(dataset, run_command, capsys) -> None:
    (dataset / "domains.json").write_text("mine")

    make_domains(run_command, exit_code=2)

    assert "--overwrite" in capsys.readouterr().err
    assert (dataset / "domains.json").read_text() == "mine"
    make_domains(run_command, "--overwrite")
    assert (dataset / "domains.json").read_text() != "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ranges", "A=1-7", "B=9-"], "case_8"),
        (["--ranges", "A1-7"], "NAME=NUMBERS"),
        (["--pattern", "case"], "domain"),
        (["--csv", "absent.csv"], "absent.csv"),
    ],
)
def test_bad_input_is_reported_and_nothing_written(dataset, run_command, capsys, arguments, message) -> None:
    run_command(domains_entry, "-d", "110", *arguments, exit_code=2)

    assert message in capsys.readouterr().err
    assert not (dataset / "domains.json").exists()


def test_stratified_splits_before_preprocessing(dataset, run_command, nnunet_folders, capsys) -> None:
    make_domains(run_command)

    run_command(splits_entry, "-d", "110")

    splits = json.loads((nnunet_folders.preprocessed / "Dataset110_Small" / "splits_final.json").read_text())
    assert len(splits) == 5
    assert all(split.keys() == {"train", "val"} for split in splits)
    assert "fold 0: 9 train, 3 val (A 2, B 1)" in capsys.readouterr().out


def test_splits_use_the_preprocessed_cases_and_map(dataset, run_command, nnunet_folders) -> None:
    folder = nnunet_folders.preprocessed / "Dataset110_Small"
    (folder / "gt_segmentations").mkdir(parents=True)
    for case in ("case_1", "case_2", "case_3"):
        (folder / "gt_segmentations" / f"{case}.png").touch()
    (folder / "dataset.json").write_text((dataset / "dataset.json").read_text())
    (folder / "domains.json").write_text(json.dumps({"domains": {"X": ["case_1"], "Y": ["case_2", "case_3"]}}))

    run_command(splits_entry, "-d", "110", "--scheme", "leave-one-domain-out")

    splits = json.loads((folder / "splits_final.json").read_text())
    assert [split["val"] for split in splits] == [["case_1"], ["case_2", "case_3"]]


def test_existing_splits_are_kept_without_the_flag(dataset, run_command, nnunet_folders, capsys) -> None:
    make_domains(run_command)
    folder = nnunet_folders.preprocessed / "Dataset110_Small"
    folder.mkdir()
    (folder / "splits_final.json").write_text("mine")

    run_command(splits_entry, "-d", "110", exit_code=2)

    assert (folder / "splits_final.json").read_text() == "mine"
    run_command(splits_entry, "-d", "110", "--overwrite", "--folds", "3")
    assert len(json.loads((folder / "splits_final.json").read_text())) == 3


def test_a_group_in_two_domains_cannot_be_left_out(dataset, run_command, nnunet_folders, capsys) -> None:
    make_domains(run_command)
    (dataset / "groups.json").write_text(json.dumps({"groups": {"case_1": "patient 5", "case_12": "patient 5"}}))

    run_command(splits_entry, "-d", "110", "--scheme", "leave-one-domain-out", exit_code=2)

    assert "patient 5" in capsys.readouterr().err
    assert not (nnunet_folders.preprocessed / "Dataset110_Small").exists()


def test_groups_of_the_raw_dataset_count_if_the_preprocessed_one_has_none(dataset, run_command, nnunet_folders) -> None:
    make_domains(run_command)
    folder = nnunet_folders.preprocessed / "Dataset110_Small"
    folder.mkdir()
    (folder / "domains.json").write_bytes((dataset / "domains.json").read_bytes())
    groups = {f"case_{number}": f"patient {number % 3}" for number in range(1, 13)}
    (dataset / "groups.json").write_text(json.dumps({"groups": groups}))

    run_command(splits_entry, "-d", "110", "--folds", "3")

    for split in json.loads((folder / "splits_final.json").read_text()):
        assert not {groups[case] for case in split["train"]} & {groups[case] for case in split["val"]}


def test_splits_need_a_domain_map(dataset, run_command, capsys) -> None:
    run_command(splits_entry, "-d", "110", exit_code=2)

    assert "domains.json" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["domains", "splits"])
def test_help_loads_nothing_heavy(name: str) -> None:
    script = (
        f"import sys; sys.argv = ['drift', '--help']\nfrom nnunetv2.domains.command_line import {name}_entry\n"
        f"try:\n    {name}_entry()\nexcept SystemExit:\n    pass\n"
        "print('heavy:', [m for m in ('torch', 'numpy', 'scipy') if m in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert "heavy: []" in output


def test_neither_the_table_nor_another_file_of_the_dataset_is_replaced(dataset, run_command, tmp_path, capsys) -> None:
    table = tmp_path / "t.csv"
    table.write_text("case,domain\n" + "".join(f"case_{n},A\n" for n in range(1, 13)))
    before = table.read_bytes(), (dataset / "dataset.json").read_bytes()

    for target, reason in ((table, "is the file of --csv"), (dataset / "dataset.json", "is not a file of domains")):
        run_command(domains_entry, "-d", "110", "--csv", str(table), "-o", str(target), "--overwrite", exit_code=2)
        assert reason in capsys.readouterr().err
    make_domains(run_command)
    run_command(splits_entry, "-d", "110", "-o", str(dataset / "dataset.json"), "--overwrite", exit_code=2)
    assert "is not a file of folds" in capsys.readouterr().err
    assert (table.read_bytes(), (dataset / "dataset.json").read_bytes()) == before
