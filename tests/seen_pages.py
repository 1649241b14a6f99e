"""Pages as readers see them: for tests of everything that writes HTML."""

from pathlib import Path
from typing import Any

import pytest

from docs_site.browser import missing, open_pages, problems_at


def in_a_browser(test: Any) -> Any:
    """Mark a test that opens pages in Chromium: slow, and skipped where there is none."""
    return pytest.mark.slow(pytest.mark.skipif(bool(missing()), reason=missing())(test))


def problems_of(html: str, folder: Path) -> list[str]:
    """Return what a reader would stumble over on a page; `folder` takes its file."""
    file = folder / "seen_page.html"
    file.write_text(html, encoding="utf-8")
    with open_pages() as pages:
        return problems_at(pages, file.as_uri())
