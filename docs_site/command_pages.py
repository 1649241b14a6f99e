"""Pages with every command and all of its flags, from the parsers of the commands."""

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
_DRIFT = "nnunetv2.run.drift_command"


class _Parsed(BaseException):
    """Carries the parser of a command out of it, past what the command does about exceptions."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__()
        self.parser = parser


def command_pages() -> dict[str, str]:
    """Return path -> text of the two pages about commands."""
    nnunet = [(name, parser_of(entry)) for name, entry in nnunet_commands().items()]
    return {
        "reference/commands_drift.md": _page(
            "Commands of DRIFT", "What DRIFT adds to nnU-Net; `drift --help` lists it.", drift_commands()
        ),
        "reference/commands_nnunet.md": _page(
            "Commands of nnU-Net",
            "All commands of nnU-Net 2.8.1, with its flags and defaults; further flags are DRIFT's.",
            nnunet,
        ),
    }


def nnunet_commands() -> dict[str, str]:
    """Return name -> `module:function` of the console commands of nnU-Net."""
    scripts: dict[str, str] = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["scripts"]
    return {name: entry for name, entry in scripts.items() if name != "drift"}


def drift_commands() -> list[tuple[str, argparse.ArgumentParser]]:
    """Return name and parser of every command below `drift`, sub-commands after the command that has them."""
    known: dict[str, tuple[str, str, str]] = import_module(_DRIFT).SUB_COMMANDS
    found = []
    for name, (module, function, _) in known.items():
        found += _with_sub_commands(f"drift {name}", parser_of(f"{module}:{function}"))
    return found


def parser_of(entry: str) -> argparse.ArgumentParser:
    """Return the parser of the command `module:function`. Raises LookupError if it parses no arguments."""
    module, function = entry.split(":")
    with patch.object(sys, "argv", [function]), _interrupted_parsing():
        try:
            getattr(import_module(module), function)()
        except _Parsed as stopped:
            return stopped.parser
    raise LookupError(f"{entry} parses no arguments")


@contextmanager
def _interrupted_parsing() -> Iterator[None]:
    def stop(parser: argparse.ArgumentParser, *_: object, **__: object) -> NoReturn:
        raise _Parsed(parser)

    with (
        patch.object(argparse.ArgumentParser, "parse_args", stop),
        patch.object(argparse.ArgumentParser, "parse_known_args", stop),
    ):
        yield


def _with_sub_commands(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    choices = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not choices:
        yield name, parser
    for action in choices:
        for word, inner in action.choices.items():
            yield from _with_sub_commands(f"{name} {word}", inner)


def _page(title: str, lead: str, commands: Sequence[tuple[str, argparse.ArgumentParser]]) -> str:
    return "\n\n".join([f"# {title}", lead, *(section(name, parser) for name, parser in commands)]) + "\n"


def section(name: str, parser: argparse.ArgumentParser) -> str:
    """Return what the page says about a command: what it is for, its usage, and a table of its options."""
    parser.prog = name
    actions = [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]
    parts = [f"## {name}", _cell(parser.description or ""), f"```text\n{_usage(parser)}\n```"]
    if actions:
        parts += ["\n".join(["| option | what it does | default |", "|---|---|---|", *map(_row, actions)])]
    return "\n\n".join([*(part for part in parts if part), _cell(parser.epilog or "")]).strip()


def _usage(parser: argparse.ArgumentParser) -> str:
    """Return the usage in lines of up to 100 characters, those after the first indented below the options."""
    parser.formatter_class = _WideHelp
    first, *further = parser.format_usage().removeprefix("usage: ").rstrip().splitlines()
    return "\n".join([first, *(line.removeprefix(" " * len("usage: ")) for line in further)])


class _WideHelp(argparse.HelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=100)

    def values(self, action: argparse.Action) -> str:
        """Return how the values of an option are written, such as `NAME=VALUE [NAME=VALUE ...]`."""
        return "" if action.nargs == 0 else self._format_args(action, self._get_default_metavar_for_optional(action))


def _row(action: argparse.Action) -> str:
    values = _WideHelp("").values(action)
    name = f"{', '.join(action.option_strings)} {values}".strip() if action.option_strings else action.dest
    return f"| {_code(name)} | {_cell(_help(action))} | {'required' if action.required else _default(action)} |"


def _help(action: argparse.Action) -> str:
    values: dict[str, Any] = {**vars(action), "prog": ""}
    return (action.help or "") % values


def _default(action: argparse.Action) -> str:
    if action.default in (None, argparse.SUPPRESS, False) or (not action.default and action.default != 0):
        return ""
    default = action.default
    return _code(" ".join(map(str, default)) if isinstance(default, list | tuple) else str(default))


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")


def _cell(text: str) -> str:
    """Return text as it is safe in Markdown: on one line, nothing read as HTML, emphasis or a border."""
    return re.sub(r"([|<*_\[\]`\\])", r"\\\1", " ".join(text.split()))
