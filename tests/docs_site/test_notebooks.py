"""The notebooks run from their first to their last cell."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs_site.shell_blocks import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PROGRAM = Path(sys.executable).parent / "jupyter-execute"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_is_kept_without_what_it_showed(notebook: Path) -> None:
    cells = json.loads(notebook.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) > 5
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_there_are_two_notebooks() -> None:
    assert [file.stem for file in NOTEBOOKS] == ["slide_to_qupath", "train_and_read_a_report"]


@pytest.mark.slow
@pytest.mark.skipif(not PROGRAM.is_file(), reason="jupyter is not installed")
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_runs_to_its_end(notebook: Path, tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "sample_data").symlink_to(ROOT / "sample_data")
    copy = Path(shutil.copy(notebook, tmp_path / "notebooks"))
    finished = subprocess.run([PROGRAM, "--timeout=1800", copy], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr[-3000:]
