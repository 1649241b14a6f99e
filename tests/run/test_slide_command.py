"""The command `drift slide info`."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nnunetv2.pathology.slides.slide import Slide
from nnunetv2.run.slide_arguments import slide_parser
from nnunetv2.run.slide_command import slide_entry
from sample_data.pyramids import Damage
from tests.pathology.slides.slide_files import write_small_slide


def test_info_shows_sizes_pixel_size_and_reader(
    tmp_path: Path, run_command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write_small_slide(tmp_path / "a.tif")
    run_command(slide_entry, "info", tmp_path / "a.tif")
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        str(tmp_path / "a.tif"),
        "  size        1500 x 1100 px (0.75 x 0.55 mm)",
        "  levels      2: also 750 x 550",
        "  pixel size  0.5 um (from openslide.mpp)",
        "  scanner     generic-tiff",
        "  reader      openslide 4.0.1",
    ]


def test_info_of_a_slide_loads_no_library_that_takes_long(tmp_path: Path) -> None:
    """It takes 0.4 s of CPU time on a quiet machine (aim: 0.5); such a library alone takes as long."""
    write_small_slide(tmp_path / "a.tif")
    script = (
        "import sys; from nnunetv2.run.slide_command import slide_entry; slide_entry()\n"
        "print(sorted({'torch', 'scipy', 'skimage', 'shapely', 'blosc2', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", script, "info", str(tmp_path / "a.tif")]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1] == "[]"


def test_info_of_a_slide_without_a_pixel_size_says_how_to_give_one(
    tmp_path: Path, run_command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write_small_slide(tmp_path / "a.tif", mpp=None)
    run_command(slide_entry, "info", tmp_path / "a.tif")
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "  size        1500 x 1100 px"
    assert "  pixel size  not stated; pass --slide_mpp" in lines


def test_a_check_lists_damaged_parts_and_ends_with_an_error(
    tmp_path: Path, run_command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write_small_slide(tmp_path / "a.tif", damage=Damage(zeroed_tiles=((2, 3),), missing_tiles=((0, 0),)))
    run_command(slide_entry, "info", "--check", "-nr", 0, tmp_path, exit_code=2)
    output = capsys.readouterr()
    assert "  warning: 1 of 108 tiles of level 0 are missing; where this level is used, they are white" in output.out
    assert "4 blocks read, 1 damaged parts, 0.99 % missing, 0.00 % not readable" in output.out
    message = "OpenSlide: Not a JPEG file: starts with 0x00 0x00"
    assert f"    x=256 y=256, 256 x 256 px: {message}; another level is used" in output.out
    assert "    x=0 y=0, 128 x 128 px: missing; white" in output.out.splitlines()
    assert output.err == (f"error: {tmp_path / 'a.tif'}: 1 of 4 blocks are damaged, first at x=256 y=256 ({message})\n")


def test_gaps_of_a_scan_are_not_listed_where_the_slide_states_what_was_scanned(
    tmp_path: Path,
    run_command: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_small_slide(tmp_path / "a.tif", damage=Damage(missing_tiles=((0, 0),)))
    monkeypatch.setattr(Slide, "states_bounds", True)
    run_command(slide_entry, "info", "--check", "-nr", 0, tmp_path)
    output = capsys.readouterr().out
    assert "4 blocks read, 0 damaged parts, 0.99 % missing" in output
    assert "x=0 y=0" not in output


def test_json_has_all_slides_also_those_that_cannot_be_read(
    tmp_path: Path, run_command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write_small_slide(tmp_path / "a.tif", mpp=None)
    (tmp_path / "b.svs").write_text("no slide")
    (tmp_path / "sizes.csv").write_text("slide,mpp\na,0.25\n")
    arguments = ["--json", "--check", "-nr", 0, "--mpp_of", tmp_path / "sizes.csv"]
    run_command(slide_entry, "info", tmp_path, *arguments, exit_code=2)
    first, second = json.loads(capsys.readouterr().out)
    assert (first["mpp"], first["mpp_source"], first["size"]) == ([0.25, 0.25], "user", [1500, 1100])
    assert first["check"] == {"blocks": 4, "missing_share": 0.0, "failed_share": 0.0, "damaged": [], "missing": []}
    assert "cannot be opened as a slide (8 bytes)" in second["error"]


def test_what_is_wrong_in_a_folder_does_not_keep_the_info_of_its_slides_and_equal_names_are_no_mistake(
    tmp_path: Path, run_command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.tif", "a.svs"):
        write_small_slide(tmp_path / name)
    (tmp_path / "lost.svs").symlink_to("nowhere")
    lost = f"{tmp_path / 'lost.svs'}: is a link to nowhere, which does not exist"
    run_command(slide_entry, "info", tmp_path, exit_code=2)
    output = capsys.readouterr()
    assert [line for line in output.out.splitlines() if not line.startswith("  ")] == [
        str(tmp_path / "a.svs"),
        str(tmp_path / "a.tif"),
    ]
    assert output.err == f"error: {lost}\n"
    run_command(slide_entry, "info", tmp_path, "--json", exit_code=2)
    assert json.loads(capsys.readouterr().out)[2] == {"path": str(tmp_path / "lost.svs"), "error": lost}


@pytest.mark.parametrize("arguments", [["-nr", "-1"], ["--read_timeout", "0"], ["--slide_mpp", "300"]])
def test_absurd_numbers_are_refused_in_one_line(
    arguments: list[str], tmp_path: Path, run_command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write_small_slide(tmp_path / "a.tif")
    run_command(slide_entry, "info", tmp_path / "a.tif", *arguments, exit_code=2)
    (line,) = capsys.readouterr().err.splitlines()
    assert "expected" in line


@pytest.mark.parametrize(
    ("text", "expected"), [("1.5", 1.5), ("1.5G", 1.5), ("800M", 0.8), ("2g", 2.0), ("0.001T", 1.0)]
)
def test_memory_is_given_with_or_without_a_unit(text: str, expected: float) -> None:
    words = ["predict", "-i", "a.svs", "-o", "out", "-m", "m", "--memory", text]
    assert slide_parser().parse_args(words).memory == pytest.approx(expected)


def test_memory_that_is_no_number_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        slide_parser().parse_args(["predict", "-i", "a.svs", "-o", "out", "-m", "m", "--memory", "lots"])
    assert "'lots': expected GB, such as 1.5, 1.5G or 800M" in capsys.readouterr().err
