"""The tutorial, run as a reader types it, and the pages that it makes in a real browser."""

from pathlib import Path

import pytest

from docs_site.shell_blocks import ROOT, not_printed, run_page
from docs_site.tutorial_pictures import PICTURES
from tests.seen_pages import in_a_browser, problems_of

PAGE = ROOT / "docs" / "tutorial.md"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder in which all commands of the tutorial have run, and what they printed."""
    folder = tmp_path_factory.mktemp("tutorial")
    return folder, run_page(PAGE, folder)


def test_every_command_runs_and_prints_what_the_page_says(finished: tuple[Path, str]) -> None:
    assert not_printed(PAGE, finished[1]) == []


@in_a_browser
@pytest.mark.parametrize("page", PICTURES.values(), ids=PICTURES)
def test_pages_are_readable_in_narrow_and_wide_windows_in_both_colours(
    finished: tuple[Path, str], page: str, tmp_path: Path
) -> None:
    assert problems_of((finished[0] / page).read_text(encoding="utf-8"), tmp_path) == []
