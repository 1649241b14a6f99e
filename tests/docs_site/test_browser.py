"""The checks of readability on pages that have each of the faults."""

from pathlib import Path

import pytest

from docs_site.browser import missing, open_pages, problems_at

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing())]
GOOD = "<meta name=viewport content='width=device-width'><style>{style}</style><p>Text {more}"
FAULTS = {
    "<p style='font-size:11px'>tiny": "11.0 px: tiny",
    "<svg viewBox='0 0 800 80' width=200><text y=40 font-size=16>scaled</text></svg>": "4.0 px: scaled",
    "<p style='color:#888'>faint": "contrast 3.54: faint",
    "<p style='opacity:.4'>veiled": "contrast 2.85: veiled",
    "<div style='width:1500px'>wide": "is 1508 pixels wide",
    "<script>console.error('broken')</script>": "broken",
    "<script>nothing()</script>": "nothing is not defined",
    "<img src=none.png alt=''>": "none.png",
}


def seen(tmp_path: Path, html: str) -> list[str]:
    file = tmp_path / "page.html"
    file.write_text(html, encoding="utf-8")
    with open_pages() as pages:
        return problems_at(pages, file.as_uri())


def test_a_plain_page_has_no_problems_and_each_fault_is_named(tmp_path: Path) -> None:
    scheme = ":root{color-scheme:light dark} body{background:light-dark(#fff,#111)}"
    hidden = "<p style='opacity:0'>hidden<p style='font-size:26px;color:light-dark(#888,#777)'>large"
    assert seen(tmp_path, GOOD.format(style=scheme, more=hidden)) == []
    lines = seen(tmp_path, GOOD.format(style="body{background:#fff}", more="".join(FAULTS)))
    for part in FAULTS.values():
        assert any(part in line for line in lines), (part, lines)
    assert "400 px, dark: has a background of [255, 255, 255]" in lines
