"""Blocks of pages run in one shell, and what pages say is printed has to be printed."""

from pathlib import Path

import pytest

from docs_site.shell_blocks import ROOT, blocks, not_printed, run_page

PAGE = """# A page

```bash
export WORD=seen
```

Text between.

```bash
echo "a  $WORD   7 s"
```

```text
a seen ... s
```
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "page.md").write_text(PAGE)
    return tmp_path / "page.md"


def test_later_blocks_see_what_earlier_ones_set(page: Path, tmp_path: Path) -> None:
    output = run_page(page, tmp_path)
    assert output == "a  seen   7 s\n"
    assert not_printed(page, output) == []
    assert not_printed(page, "something else") == ["a seen ... s"]


def test_a_command_that_fails_ends_the_run_with_its_output(page: Path, tmp_path: Path) -> None:
    page.write_text("```bash\nls nowhere\n```\n")
    with pytest.raises(RuntimeError, match=r"page\.md failed(.|\n)*nowhere"):
        run_page(page, tmp_path)


def test_the_tutorial_has_blocks_of_both_kinds() -> None:
    text = (ROOT / "docs" / "tutorial.md").read_text()
    assert len(blocks(text)) > 8
    assert len(blocks(text, "text")) == 3
