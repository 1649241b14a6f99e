"""The commands of nnU-Net 2.8.1 take the same flags, with the same defaults."""

import ast
import json
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from typing import Any

import pytest

from tests.differential.oracle import ORACLE, ROOT, run_oracle, run_ours

SCRIPT = Path(__file__).with_name("describe_commands.py").read_text()
DECIDED_LATER = {"-c", "-device", "-npp", "-nps"}
"""Flags without a default in the parser, because it depends on other flags or on the machine."""

MENDED = {"--not_strict"}
"""Flags without a value that do nothing in nnU-Net."""


def commands(folder: Path) -> dict[str, str]:
    """Return the console commands of the nnunetv2 installed in a folder, or declared in a pyproject.toml."""
    (found,) = [d for d in distributions(path=[str(folder)]) if d.metadata["Name"] == "nnunetv2"]
    scripts: list[EntryPoint] = [entry for entry in found.entry_points if entry.group == "console_scripts"]
    return {entry.name: entry.value for entry in scripts}


def described(output: str) -> dict[str, Any]:
    line = next(line for line in output.splitlines() if line.startswith("COMMANDS"))
    return json.loads(line.removeprefix("COMMANDS"))


@pytest.fixture(scope="module")
def stock() -> dict[str, Any]:
    return described(run_oracle(SCRIPT, *[f"{name}={entry}" for name, entry in commands(ORACLE).items()]))


@pytest.fixture(scope="module")
def ours() -> dict[str, Any]:
    own = {name: entry for name, entry in commands(ROOT).items() if name.startswith("nnUNetv2_")}
    return described(run_ours(SCRIPT, *[f"{name}={entry}" for name, entry in own.items()]))


def test_all_commands_are_here(stock: dict[str, Any], ours: dict[str, Any]) -> None:
    assert len(stock) == 21
    assert set(stock) - set(ours) == set()


def accepts(ours: list[Any], stock: list[Any]) -> bool:
    """Whether what is written for one flag works with the other and means the same."""
    names, count, default, choices, required, kind = ours
    stock_names, stock_count, stock_default, stock_choices, stock_required, stock_kind = stock
    return (
        set(stock_names) <= set(names)
        and count == stock_count
        and (kind == stock_kind or bool(MENDED & set(names)))
        and (same_default(default, stock_default) or bool(DECIDED_LATER & set(names)))
        and (stock_choices is None or stock_choices == choices)
        and (required == stock_required or stock_default == "None")
    )


def same_default(ours: str, stock: str) -> bool:
    """Compare, whether it is a list or a tuple."""
    values = [ast.literal_eval(text) for text in (ours, stock)]
    return values[0] == values[1] or (ours[0] in "[(" and stock[0] in "[(" and list(values[0]) == list(values[1]))


def test_all_flags_are_here_with_the_same_defaults(stock: dict[str, Any], ours: dict[str, Any]) -> None:
    missing = [
        f"{name}: {flag}" for name in ours for flag in stock[name] if not any(accepts(own, flag) for own in ours[name])
    ]
    assert not missing, "\n".join(missing)


def test_no_flag_of_our_own_is_required(stock: dict[str, Any], ours: dict[str, Any]) -> None:
    names = {name: {text for flag in flags for text in flag[0]} for name, flags in stock.items()}
    own = [(name, flag) for name in ours for flag in ours[name] if not names[name] & set(flag[0])]
    assert own
    assert [(name, flag) for name, flag in own if flag[4]] == []
