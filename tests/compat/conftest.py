"""What both packages define and import: described once for all test files, as importing every module takes seconds."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.differential.oracle import run_oracle, run_ours

SCRIPT = Path(__file__).with_name("describe_package.py").read_text()
OUT_OF_SCOPE = (
    "nnunetv2.batch_running",  # scripts for one cluster
    "nnunetv2.dataset_conversion.Dataset",  # single public data sets
    "nnunetv2.dataset_conversion.datasets_for_integration_tests",
    "nnunetv2.inference.JHU_inference",
    "nnunetv2.inference.examples",  # not meant to be imported
    "nnunetv2.tests",
)


def described(output: str) -> dict[str, Any]:
    """Return what describe_package.py printed."""
    line = next(line for line in output.splitlines() if line.startswith("DESCRIBED"))
    found: dict[str, Any] = json.loads(line.removeprefix("DESCRIBED"))
    return found


@pytest.fixture(scope="session")
def stock_description() -> dict[str, Any]:
    return described(run_oracle(SCRIPT, "all", *OUT_OF_SCOPE))


@pytest.fixture(scope="session")
def our_description(stock_description: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("names") / "stock.json"
    file.write_text(json.dumps(stock_description))
    return described(run_ours(SCRIPT, "these", file))
