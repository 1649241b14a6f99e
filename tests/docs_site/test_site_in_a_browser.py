"""All pages of the built site in a real browser, narrow and wide, light and dark."""

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest

from docs_site.browser import missing, open_pages, problems_at
from docs_site.shell_blocks import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.skipif(find_spec("mkdocs") is None, reason="the extra docs is not installed"),
]


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the documentation, built for these tests."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_every_page_of_the_site_is_readable_and_has_no_errors_without_a_network(site: Path, address: str) -> None:
    files = sorted(file.relative_to(site).as_posix() for file in site.rglob("*.html"))
    assert {"index.html", "tutorial.html", "reference/commands_drift.html"} <= set(files)
    with open_pages() as pages:
        found = {file: problems for file in files if (problems := problems_at(pages, f"{address}/{file}"))}
    assert found == {}
