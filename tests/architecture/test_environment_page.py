"""docs/environment.md names all environment variables that are read, and no others."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOREIGN = "OMP_|GOMP_|KMP_|SLURM_|LSB_|MASTER_|MLFLOW_|DRIFT_(?!KEY|VERSION)"
NAME = re.compile(rf"nnUNet_[a-z]\w*|(?:{FOREIGN})[A-Z_]+|(?:LOCAL_)?(?:RANK|WORLD_SIZE)")
READ_BY_LIBRARIES = {"TMPDIR", "MLFLOW_TRACKING_URI"}


def documented() -> set[str]:
    rows = [line for line in (ROOT / "docs/environment.md").read_text().splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def named_in_code() -> set[str]:
    """Variables whose name is a whole text somewhere in the code."""
    files = [
        ROOT / "setup.py",
        *(file for room in ("s1", "s2s3", "sample_data") for file in (ROOT / room).rglob("*.py")),
    ]
    constants = (node for file in files for node in ast.walk(ast.parse(file.read_text())))
    texts = {node.value for node in constants if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text for text in texts if NAME.fullmatch(text)}


def test_every_variable_that_is_read_stands_on_the_page_and_nothing_else() -> None:
    assert documented() - READ_BY_LIBRARIES == named_in_code()
