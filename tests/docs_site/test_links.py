"""Mentions of pages and links out of the folder docs become links of the site."""

import pytest

from docs_site.links import linked_pages

OUTER = {"security.md": "SECURITY.md", "changelog.md": "CHANGELOG.md"}


@pytest.mark.parametrize(
    ("page", "written", "expected"),
    [
        ("method.md", "see docs/ablation.md.", "see [ablation.md](ablation.md)."),
        ("how_to/x.md", "(docs/training.md, section 2)", "([training.md](../training.md), section 2)"),
        ("method.md", "in `docs/extending.md`; functions", "in [extending.md](extending.md); functions"),
        ("environment.md", "([SECURITY.md](../SECURITY.md))", "([SECURITY.md](security.md))"),
        ("how_to/x.md", "[holes](../../SECURITY.md#how-to)", "[holes](../security.md#how-to)"),
        ("changelog.md", "[read](docs/slides.md)", "[read](slides.md)"),
    ],
)
def test_a_page_leads_to_others_as_the_site_names_them(page: str, written: str, expected: str) -> None:
    assert linked_pages(written, page, OUTER) == expected


@pytest.mark.parametrize(
    "text",
    [
        "[a page](domains.md)",
        "    cat docs/method.md\n",
        "```bash\ncat docs/method.md\n```",
        "[docs/method.md](method.md)",
        "![picture](pictures/x.png)",
    ],
)
def test_links_within_docs_and_code_stay_as_they_are(text: str) -> None:
    assert linked_pages(text, "index.md", OUTER) == text
