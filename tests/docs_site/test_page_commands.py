"""Every command in a block of a page is one that its parser accepts."""

import re
import shlex
from functools import cache
from importlib import import_module
from itertools import dropwhile
from pathlib import Path

import pytest

from docs_site.command_pages import nnunet_commands, parser_of
from docs_site.shell_blocks import ROOT

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
OURS = re.compile(r"nnUNetv2_\w+|drift")


def commands_on(page: Path) -> list[list[str]]:
    """Return the words of the commands of ours in indented and fenced blocks; continued lines are one."""
    text = re.sub(r" *\\\n\s*", " ", page.read_text())
    fenced = "\n".join(re.findall(r"^```(?:bash|shell)\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    indented = [line[4:] for line in text.splitlines() if line.startswith("    ") and line[4:5] != " "]
    lines = [line for line in [*fenced.splitlines(), *indented] if OURS.search(line) and "..." not in line]
    return [command for line in lines for command in ours_in(line)]


def ours_in(line: str) -> list[list[str]]:
    """Split a line at the shell's operators and return the parts that begin with a command of ours."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    try:
        words = list(lexer)
    except ValueError:  # prose with an apostrophe
        return []
    parts: list[list[str]] = [[]]
    for word in words:
        if set(word) <= set("();<>|&"):
            parts.append([])
        else:
            parts[-1].append(word)
    unset = [list(dropwhile(lambda word: re.match(r"[A-Za-z_]\w*=", word), part)) for part in parts]
    return [part for part in unset if part and OURS.fullmatch(part[0])]


@cache
def entry_of(name: str) -> str:
    commands = nnunet_commands()
    if name in commands:
        return commands[name]
    module, function, _ = import_module("nnunetv2.run.drift_command").SUB_COMMANDS[name]
    return f"{module}:{function}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_parser_of_each_command_accepts_what_the_page_says(page: Path) -> None:
    refused = []
    for words in commands_on(page):
        name, arguments = (words[1], words[2:]) if words[0] == "drift" else (words[0], words[1:])
        if name in ("COMMAND", "--help"):
            continue
        try:
            parser_of(entry_of(name)).parse_args(arguments)
        except (SystemExit, KeyError) as error:
            if getattr(error, "code", 2) != 0:
                refused.append(" ".join(words))
    assert refused == []


def test_pages_have_commands() -> None:
    assert sum(len(commands_on(page)) for page in PAGES) > 50
