"""`drift slide tile` as a user types it."""

import json
from pathlib import Path

import pytest

from nnunetv2.run.slide_command import slide_entry
from tests.conftest import NnunetFolders, exit_code_of
from tests.pathology.dataset.annotated_slides import write_annotated
from tests.pathology.slides.slide_files import write_small_slide

HEAD = ["-d", "120", "-n", "Test", "--mpp", "0.5", "--tile", "512", "-np", "0", "--disable_progress_bar"]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object, head: list[str] = HEAD) -> int:
    return exit_code_of(monkeypatch, slide_entry, "tile", *arguments, *head)


def test_a_table_gives_slides_annotations_pixel_sizes_domains_and_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], nnunet_folders: NnunetFolders
) -> None:
    write_annotated(tmp_path, "a", mpp=None)
    (tmp_path / "a.geojson").rename(tmp_path / "drawn by me.geojson")
    rows = "slide;mpp;annotation;domain;group;remark\na.tif;0.5;drawn by me.geojson;Bern;patient 1;other columns\n"
    (tmp_path / "slides.csv").write_text(rows)
    assert run(monkeypatch, "-i", tmp_path / "slides.csv", "--groups_from", "csv") == 0
    folder = nnunet_folders.raw / "Dataset120_Test"
    assert f"tiles of 1 slides: {folder}" in capsys.readouterr().out
    assert list(json.loads((folder / "domains.json").read_text())["domains"]) == ["Bern"]
    assert set(json.loads((folder / "groups.json").read_text())["groups"].values()) == {"patient 1"}
    page = (folder / "tiling_report.html").read_text(encoding="utf-8")
    assert "Tiles of slides: Dataset120_Test" in page
    assert "Bern" in page


def test_problems_are_one_line_a_slide_at_the_end_with_exit_code_2_and_stand_in_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], nnunet_folders: NnunetFolders
) -> None:
    write_annotated(tmp_path, "a")
    write_annotated(tmp_path, "b", mpp=None)
    write_small_slide(tmp_path / "c.tif")
    (tmp_path / "d.tif").symlink_to("nowhere")
    assert run(monkeypatch, "-i", tmp_path, "--labels", "background=0", "Tumor=1") == 2
    error = capsys.readouterr().err.splitlines()
    assert error == [
        "error: slides (3 problems):",
        f"  {tmp_path}/c.tif: no annotation in {tmp_path}, expected one of c.geojson, c.geojson.gz, c.geojson.zip,"
        " c.json, c.json.gz, c.xml, c_mask.tif, c_mask.tiff",
        f"  {tmp_path}/b.tif: the file does not state its pixel size. Pass --slide_mpp 0.25 (micrometres per pixel) or"
        " a table --mpp_of FILE with the columns slide,mpp",
        f"  {tmp_path}/d.tif: is a link to nowhere, which does not exist",
    ]
    page = (nnunet_folders.raw / "Dataset120_Test" / "tiling_report.html").read_text(encoding="utf-8")
    assert "c.tif: no annotation in" in page
    assert "b.tif: the file does not state its pixel size" in page
    assert "d.tif: is a link to nowhere" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--domain_from", "pattern:("], "not a regular expression"),
        (["--domain_from", "pattern:[a-z]"], "has no group named domain"),
        (["--domain_from", "csv"], "a.tif: has no domain (no table has an entry for it in the column domain)"),
        (["--groups_from", "tcga"], "a.tif: has no group (its name does not begin like TCGA-CR-7395)"),
        (["--domain_from", "city"], "--domain_from city: expected one of scanner, serial, tss, csv, pattern:REGEX"),
        (["--labels", "Tumor=1", "Tumor=2"], "--labels names Tumor more than once"),
        (["--labels", "Tumor=3"], "label 'Tumor': found 3, did you mean 1?"),
        (["--labels", "Tumor=70000"], "expected NAME=VALUE"),
        (["--map", "Tumor"], "expected FOUND=NAME"),
        (["--labels", "Tumor=1", "--map", "x=Tumour"], "'Tumour' is not among the labels"),
        (["-a", "nowhere"], "-a nowhere: no such folder"),
        (["--table", "TABLE"], "slide 'a' is in line 2, too"),
        (["-np", "-1"], "-np -1: expected 0 or more"),
    ],
)
def test_mistakes_are_named_in_one_line_and_nothing_is_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    nnunet_folders: NnunetFolders,
    arguments: list[str],
    message: str,
) -> None:
    write_annotated(tmp_path / "in", "a")
    (tmp_path / "table.csv").write_text("slide,domain,unknown column\na,Bern,1\na,Basel,2\n")
    given = [str(tmp_path / "table.csv") if word == "TABLE" else word for word in arguments]
    head = [word for word in HEAD if "-np" not in arguments or word not in ("-np", "0")]
    assert run(monkeypatch, "-i", tmp_path / "in", *given, head=head) == 2
    assert message in capsys.readouterr().err
    assert list(nnunet_folders.raw.iterdir()) == []


def test_a_pattern_that_would_not_end_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], nnunet_folders: NnunetFolders
) -> None:
    monkeypatch.setattr("s1.name_patterns.texts_from_pattern.__defaults__", (0.5,))
    write_annotated(tmp_path / "in", "a" * 50 + "!")
    assert run(monkeypatch, "-i", tmp_path / "in", "--domain_from", "pattern:(?P<domain>(a+)+)$") == 2
    assert "repetitions inside of repetitions" in capsys.readouterr().err


def test_the_id_of_another_dataset_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], nnunet_folders: NnunetFolders
) -> None:
    write_annotated(tmp_path / "in", "a")
    (nnunet_folders.raw / "Dataset120_Other").mkdir()
    assert run(monkeypatch, "-i", tmp_path / "in") == 2
    assert "id 120 is taken by Dataset120_Other; choose another with -d" in capsys.readouterr().err
