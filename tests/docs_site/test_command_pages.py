"""The pages about commands hold every command and flag, as the parsers have them."""

import argparse

import pytest

from docs_site.command_pages import command_pages, nnunet_commands, section


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return command_pages()


def test_all_commands_have_a_section(pages: dict[str, str]) -> None:
    nnunet, drift = pages["reference/commands_nnunet.md"], pages["reference/commands_drift.md"]
    assert [name for name in nnunet_commands() if f"\n## {name}\n" not in nnunet] == []
    for name in ("prism", "domains", "splits", "convert", "ablate", "slide info", "slide predict", "doctor"):
        assert f"\n## drift {name}\n" in drift


def test_a_flag_stands_with_its_values_meaning_and_default() -> None:
    parser = argparse.ArgumentParser(description="Does <it>.")
    parser.add_argument("-n", "--number", type=int, default=3, metavar="N", help="how many (default %(default)s)")
    parser.add_argument("--either", choices=["a", "b"], required=True, help="a|b")
    parser.add_argument("file", help="where_to")
    text = section("do it", parser)
    assert text.startswith("## do it\n\nDoes \\<it>.\n\n```text\ndo it [-h] [-n N] --either {a,b} file\n```")
    assert "| `-n, --number N` | how many (default 3) | `3` |" in text
    assert "| `--either {a,b}` | a\\|b | required |" in text
    assert "| `file` | where\\_to | required |" in text


def test_a_long_usage_goes_on_below_its_first_option() -> None:
    parser = argparse.ArgumentParser()
    for number in range(9):
        parser.add_argument(f"--a_long_option_{number}")
    first, second = section("go", parser).split("```text\n")[1].splitlines()[:2]
    assert first.startswith("go [-h]")
    assert second.startswith("   [--a_long")
