"""Masks in colours become classes with names of colours, or one line that says why not."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnunetv2.dataset_proposal.command_line import start_entry
from nnunetv2.dataset_proposal.proposal import Proposal, StartSettings, propose
from nnunetv2.dataset_proposal.summary import summary_rows
from tests.conftest import NnunetFolders
from tests.dataset_proposal.factories import write_colour_mask, write_image, write_mask, write_palette_mask

BLACK, WHITE, RED, GREEN = (0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 200, 0)
Writer = Callable[[Path], None]


def write_cases(folder: Path, *masks: Writer) -> None:
    for number, write in enumerate(masks):
        write_image(folder / "images" / f"{number}.png", seed=number)
        write(folder / "masks" / f"{number}.png")


def coloured(*colours: tuple[int, ...]) -> Writer:
    return lambda file: write_colour_mask(file, colours)


def with_palette(*colours: tuple[int, int, int]) -> Writer:
    return lambda file: write_palette_mask(file, colours)


def proposed(folder: Path, *masks: Writer, labels: dict[str, int] | None = None) -> Proposal:
    write_cases(folder, *masks)
    return propose(StartSettings(folder, labels=labels, num_processes=0))


def test_colours_are_classes_named_after_them_and_black_is_background(tmp_path: Path) -> None:
    found = proposed(tmp_path, coloured(RED, BLACK), coloured(BLACK, GREEN, GREEN), coloured(BLACK))
    assert found.problems == []
    assert found.labels.labels == {"background": 0, "green": 1, "red": 2}
    assert dict(summary_rows(found))["labels"] == (
        "0 background (from #000000), 1 green (from #00c800), 2 red (from #ff0000)"
    )


@pytest.mark.parametrize(
    ("masks", "background"),
    [([coloured(WHITE, RED)], 0xFFFFFF), ([coloured(GREEN, RED, RED)], 0xFF0000), ([coloured(WHITE, BLACK, RED)], 0)],
)
def test_background_is_black_else_white_else_the_largest_class(
    tmp_path: Path, masks: list[Writer], background: int
) -> None:
    assert proposed(tmp_path, *masks).colours[background] == 0


def test_the_dataset_holds_the_numbers_that_the_user_names(
    nnunet_folders: NnunetFolders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cases(
        tmp_path / "d", coloured(RED, BLACK), coloured(GREEN, BLACK, BLACK), coloured((*RED, 255), (*BLACK, 255))
    )
    labels = ["--labels", "background=0", "stroma=1", "tumor=2"]
    page = str(tmp_path / "p.html")
    monkeypatch.setattr(sys, "argv", ["x", str(tmp_path / "d"), "-np", "0", "-o", page, "--yes", *labels])
    start_entry()
    (target,) = nnunet_folders.raw.iterdir()
    assert json.loads((target / "dataset.json").read_text())["labels"] == {"background": 0, "stroma": 1, "tumor": 2}
    stored = [np.unique(np.asarray(Image.open(target / "labelsTr" / f"{n}.png"))).tolist() for n in range(3)]
    assert stored == [[0, 2], [0, 1], [0, 2]]
    assert 'background:#4363d8"></span>stroma' in (tmp_path / "p.html").read_text()


def test_a_palette_that_all_masks_share_gives_names_to_its_indices(tmp_path: Path) -> None:
    found = proposed(tmp_path, with_palette(BLACK, RED, GREEN), with_palette(BLACK, RED))
    assert (found.labels.labels, found.colours) == ({"background": 0, "red": 1, "green": 2}, {})


def test_where_palettes_differ_the_colours_count_and_not_the_indices(tmp_path: Path) -> None:
    found = proposed(tmp_path, with_palette(BLACK, RED), with_palette(BLACK, GREEN))
    assert found.colours == {0x000000: 0, 0x00C800: 1, 0xFF0000: 2}


@pytest.mark.parametrize(
    ("odd", "what"),
    [
        (lambda file: write_image(file), "shows 64 different colours"),
        (coloured((255, 0, 0, 255), (0, 0, 0, 0)), "has transparent pixels"),
        (lambda file: write_mask(file, (0, 1)), "holds values, other masks hold colours"),
    ],
)
def test_masks_that_are_no_classes_are_one_line_each(tmp_path: Path, odd: Writer, what: str) -> None:
    (problem,) = proposed(tmp_path, coloured(RED, BLACK), coloured(BLACK), odd).problems
    assert problem.where == str(tmp_path / "masks/2.png")
    assert what in problem.what
    assert problem.fix


def test_more_colours_than_classes_are_one_problem(tmp_path: Path) -> None:
    (problem,) = proposed(tmp_path, *(coloured(BLACK, *((n, 9 * m, 99) for m in range(9))) for n in range(3))).problems
    assert "show 28 different colours" in problem.what


def many_in_a_palette(shift: int) -> Writer:
    return with_palette(*((shift, 8 * number, 7 * number) for number in range(30)))


def test_palettes_that_differ_and_have_more_colours_than_classes_are_one_line_each(tmp_path: Path) -> None:
    found = proposed(tmp_path, many_in_a_palette(0), many_in_a_palette(9), with_palette(BLACK, RED))
    assert [problem.where for problem in found.problems] == [str(tmp_path / f"masks/{number}.png") for number in (0, 1)]
    assert all("more colours than there can be classes" in problem.what for problem in found.problems)
    assert not proposed(tmp_path / "all", many_in_a_palette(0), many_in_a_palette(9)).is_usable
