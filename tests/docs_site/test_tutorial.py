"""The tutorial, run as a reader types it, and its pages in a real browser."""

import http.server
import re
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from docs_site.browser import DARK, LIGHT, chromium, console_at, look_at
from docs_site.shell_blocks import ROOT, not_printed, run_page
from docs_site.tutorial_pictures import PICTURES

PAGE = ROOT / "docs" / "tutorial.md"
pytestmark = pytest.mark.slow
in_a_browser = pytest.mark.skipif(chromium() is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder in which all commands of the tutorial have run, and what they printed."""
    folder = tmp_path_factory.mktemp("tutorial")
    return folder, run_page(PAGE, folder)


def test_every_command_runs_and_prints_what_the_page_says(finished: tuple[Path, str]) -> None:
    assert not_printed(PAGE, finished[1]) == []


@in_a_browser
@pytest.mark.parametrize("page", PICTURES.values(), ids=PICTURES)
@pytest.mark.parametrize("scheme", [LIGHT, DARK])
@pytest.mark.parametrize("width", [400, 1400])
def test_pages_are_readable_in_narrow_and_wide_windows_in_both_colours(
    finished: tuple[Path, str], page: str, width: int, scheme: str
) -> None:
    seen = look_at(finished[0] / page, width, scheme)
    assert seen.console == []
    assert seen.width_px <= width
    brightness = sum(map(int, re.findall(r"\d+", seen.background)))
    assert (brightness > 3 * 240) == (scheme == LIGHT)


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The address of the built documentation on this machine."""
    built = ROOT / "site"
    if not (built / "index.html").is_file():
        pytest.skip("make docs has not run")
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(built))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@in_a_browser
@pytest.mark.parametrize("scheme", [LIGHT, DARK])
@pytest.mark.parametrize("page", ["index.html", "tutorial.html", "reference/commands_drift.html"])
def test_the_site_works_without_a_network_and_without_errors(site: str, page: str, scheme: str) -> None:
    assert console_at(f"{site}/{page}", 1400, scheme) == []
