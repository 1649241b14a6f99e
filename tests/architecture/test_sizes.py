"""Modules and functions stay small enough to be read at once."""

import ast
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(file for folder in ("s1", "s2s3") for file in (ROOT / folder).rglob("*.py") if file.stat().st_size)
LONGEST_MODULE, MEDIAN_MODULE, MEDIAN_FUNCTION = 300, 110, 8
LONGER = {"s2s3/inference/predict_from_raw_data.py": 500}
"""File -> its most lines: a class whose seventeen public methods have nnU-Net's long signatures."""


def lines_of(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines())


def function_lengths() -> list[int]:
    """Return the lines of every function and method, with its signature and docstring."""
    nodes = (node for file in FILES for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    functions = (node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return [(node.end_lineno or node.lineno) - node.lineno + 1 for node in functions]


def test_no_module_is_too_long_to_be_read_at_once() -> None:
    long = {file.relative_to(ROOT).as_posix(): lines_of(file) for file in FILES if lines_of(file) > LONGEST_MODULE}
    assert set(long) == set(LONGER)
    assert all(lines <= LONGER[file] for file, lines in long.items()), long


def test_half_of_the_modules_and_functions_are_short() -> None:
    assert median(lines_of(file) for file in FILES if file.name != "__init__.py") <= MEDIAN_MODULE
    assert median(function_lengths()) <= MEDIAN_FUNCTION
