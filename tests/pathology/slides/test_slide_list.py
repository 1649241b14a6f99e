"""Which slides are meant, and what tables say about them."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from nnunetv2.errors import SlideError
from nnunetv2.pathology.slides.slide_list import list_slides, slide_name


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_folders_are_searched_for_slides_but_not_for_masks_and_hidden_files(tmp_path: Path) -> None:
    make(tmp_path, "b.svs", "deep/er/a.NDPI", "b_mask.tif", "lone_mask.tif", "._b.svs", ".cache/c.svs", "notes.txt")
    make(tmp_path, "m.mrxs", "m/Data0001.dat", "c.ome.tif", "lost+found/d.svs")
    entries = list_slides([tmp_path])
    assert [entry.name for entry in entries] == ["b", "c", "a", "lone_mask", "m"]
    assert entries[2].path == str(tmp_path / "deep/er/a.NDPI")


def test_files_are_taken_as_they_are_and_once(tmp_path: Path) -> None:
    make(tmp_path, "a.svs", "b.odd")
    entries = list_slides([tmp_path / "b.odd", tmp_path / "a.svs", tmp_path / "a.svs"])
    assert [Path(entry.path).name for entry in entries] == ["b.odd", "a.svs"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("x/TCGA-AA-0001 (2).svs", "TCGA-AA-0001__2_"),
        ("a.ome.tif", "a"),
        ("a.b.tiff", "a_b"),
        ("ä/ö.svs", "_"),
        ("no_ending", "no_ending"),
    ],
)
def test_names_of_outputs_have_letters_digits_and_dashes_only(path: str, name: str) -> None:
    assert slide_name(path) == name


def test_everything_wrong_is_listed_together(tmp_path: Path) -> None:
    make(tmp_path, "a.svs", "b/a.tif", "A B.svs", "A_B.svs")
    with pytest.raises(SlideError) as caught:
        list_slides([tmp_path, tmp_path / "missing.svs"])
    lines = str(caught.value).splitlines()
    assert lines[0] == "slides (3 problems):"
    assert "missing.svs: no such file" in lines[1]
    assert "A B.svs and" in lines[2]
    assert "a.tif and" in lines[3] or "a.svs and" in lines[3]


@pytest.mark.skipif(sys.platform != "linux", reason="no such names elsewhere")
@pytest.mark.parametrize(("name", "escaped"), [("b\nc", r"b\nc"), ("b\x1b[31m", r"b\x1b[31m"), ("b\udcff", r"b\udcff")])
def test_a_name_of_several_lines_or_that_is_no_text_is_refused_in_one(tmp_path: Path, name: str, escaped: str) -> None:
    make(tmp_path, "a.svs", f"{name}.svs")
    what = "has a line break or what is no text in its name, expected a name in one line; rename it"
    line = f"'{tmp_path}/{escaped}.svs': {what}"
    left_out: dict[str, str] = {}
    assert [entry.name for entry in list_slides([tmp_path], left_out=left_out)] == ["a"]
    assert list(left_out.values()) == [line]
    with pytest.raises(SlideError) as caught:
        list_slides([tmp_path / f"{name}.svs"])
    assert str(caught.value) == line


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_what_is_wrong_in_folders_can_be_left_out_but_not_what_is_named(tmp_path: Path) -> None:
    make(tmp_path, "a.svs", "deep/b.tif", "deep/b.svs", "c.svs")
    (tmp_path / "lost.svs").symlink_to("nowhere")
    os.mkfifo(tmp_path / "deep/pipe.svs")
    left_out: dict[str, str] = {}
    assert [entry.name for entry in list_slides([tmp_path], left_out=left_out)] == ["a", "c"]
    clash = (
        f"{tmp_path}/deep/b.svs and {tmp_path}/deep/b.tif would have the same output name 'b'; rename or exclude one"
    )
    assert left_out == {
        str(tmp_path / "lost.svs"): f"{tmp_path}/lost.svs: is a link to nowhere, which does not exist",
        str(tmp_path / "deep/pipe.svs"): f"{tmp_path}/deep/pipe.svs: is a named pipe, expected a file",
        str(tmp_path / "deep/b.svs"): clash,
        str(tmp_path / "deep/b.tif"): clash,
    }
    names = [entry.name for entry in list_slides([tmp_path], left_out={}, may_clash=True)]
    assert names == ["a", "c", "b", "b"]
    for named, message in (("lost.svs", "lost.svs: is a link"), ("deep/b.tif", "would have the same output name")):
        with pytest.raises(SlideError, match=message):
            list_slides([tmp_path, tmp_path / named], left_out={})
    with pytest.raises(SlideError, match="would have the same output name"):
        list_slides([tmp_path / "deep"], left_out={})


def test_a_folder_that_may_not_be_listed_is_named_and_the_others_are_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "a.svs", "closed/b.svs", "two\nlines/b.svs", "gone/c.svs")
    refusal = PermissionError(13, "Permission denied")
    errors = {"closed": refusal, "two\nlines": refusal, "gone": FileNotFoundError(2, "No such file")}
    scandir = os.scandir

    def refused(folder: str) -> object:
        error = errors.get(Path(folder).name)
        if error is not None:
            raise error
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refused)
    line, left_out = f"{tmp_path}/closed: cannot be listed (Permission denied)", dict[str, str]()
    assert [entry.name for entry in list_slides([tmp_path], left_out=left_out)] == ["a"]
    odd = tmp_path / "two\nlines"
    assert left_out == {str(tmp_path / "closed"): line, str(odd): f"{str(odd)!r}: cannot be listed (Permission denied)"}
    for folder in (tmp_path, tmp_path / "closed"):
        with pytest.raises(SlideError, match=re.escape(line)):
            list_slides([folder])


def test_a_folder_without_slides_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(SlideError, match=r"no slides in .*; expected files that end in \.svs \.tif"):
        list_slides([tmp_path])


def test_a_table_names_slides_relative_to_itself_with_what_belongs_to_them(tmp_path: Path) -> None:
    make(tmp_path, "x/a.svs", "b.svs")
    (tmp_path / "t.csv").write_text("Slide;mpp;group;domain;remark\nx/a.svs;0.25;P1;lab;ok\n\nb.svs;;;;\n")
    first, second = list_slides([tmp_path / "t.csv"])
    assert (first.path, first.mpp, first.group, first.domain) == (str(tmp_path / "x/a.svs"), 0.25, "P1", "lab")
    assert (second.mpp, second.group, second.annotation) == (None, None, None)


def test_a_second_table_adds_pixel_sizes_by_name_or_path(tmp_path: Path) -> None:
    make(tmp_path, "a.svs", "b.svs", "c.svs")
    table = tmp_path / "sizes.csv"
    table.write_text(f"slide,mpp\na,0.25\nb.svs,0.5\n{tmp_path / 'c.svs'},1\nd.svs,2\n")
    assert [entry.mpp for entry in list_slides([tmp_path], table)] == [0.25, 0.5, 1.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("slide,mpp\na.svs,zero\n", r"line 2: mpp is 'zero', expected micrometres"),
        ("slide,mpp\na.svs,400\n", r"line 2: mpp is 400, expected 0\.05 to 20"),
        ("slide,mpp\na.svs,nan\n", r"line 2: mpp is nan"),
        ("slide\na.svs\na.svs\n", r"line 3: slide 'a\.svs' is in line 2, too"),
        ("slide,mpp\n,0.5\n", r"line 2: has no slide"),
        ("slide,mpp\na.svs,0.5,9,9\n", r"line 2: has 4 fields, expected 2"),
        ('slide,mpp\na.svs,0.5\n"unclosed\nb.svs,1\n', r"line 3: cannot be read as a table .* is a quote left open"),
        ("file,mpp\na.svs,1\n", r"no column `slide`"),
        ("slide\n", r"no rows"),
        ("slide\nmissing.svs\n", r"line 2: .*missing\.svs: no such file"),
    ],
)
def test_tables_that_cannot_be_used_are_refused_with_the_line(tmp_path: Path, text: str, message: str) -> None:
    make(tmp_path, "a.svs")
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(SlideError, match=message):
        list_slides([tmp_path / "t.csv"])


def test_empty_fields_behind_the_last_column_are_left_alone(tmp_path: Path) -> None:
    make(tmp_path, "a.svs")
    (tmp_path / "t.csv").write_text("slide,mpp\na.svs,0.5,,\n")
    assert [entry.mpp for entry in list_slides([tmp_path / "t.csv"])] == [0.5]


@pytest.mark.real
def test_files_of_one_dicom_series_are_one_slide(real_data: Path, tmp_path: Path) -> None:
    shutil.copytree(real_data / "wsi" / "dicom_cmu", tmp_path / "cmu")
    shutil.copy(real_data / "wsi" / "boxes_0.dcm", tmp_path / "cmu" / "other.dcm")
    assert [entry.name for entry in list_slides([tmp_path])] == ["level_0", "other"]
    assert [entry.name for entry in list_slides(sorted((tmp_path / "cmu").iterdir()))] == ["level_0", "other"]
