"""Examples in Python and JSON on the pages are run and read."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from docs_site.shell_blocks import ROOT
from nnunetv2.file_kinds.dataset_files import SPLITS
from nnunetv2.foundation.files import read_json
from s1.domain_files import read_domain_map, read_groups
from tests.dataset_proposal.factories import write_pairs
from tests.factories.models import write_model_folder
from tests.factories.plans import make_dataset_json, make_plans


def blocks(page: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", (ROOT / "docs" / page).read_text(), re.MULTILINE | re.DOTALL)


def test_python_blocks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_model_folder(tmp_path / "model", make_plans([16, 16], [1.0, 1.0], ".png", 3), make_dataset_json(".png", 3))
    (tmp_path / "images").mkdir()
    for name in "ab":
        pixels = np.random.default_rng(ord(name)).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{name}_0000.png")
    write_pairs(tmp_path / "hospitals", ["x_1", "x_2"])
    found = blocks("how_to/python.md", "python")
    for block in found:
        exec(compile(block, "how_to/python.md", "exec"), {})
    assert len(found) == 4
    assert sorted(file.name for file in (tmp_path / "predictions").glob("*.png")) == ["a.png", "b.png"]


def test_json_blocks_are_what_commands_read(tmp_path: Path) -> None:
    domains, groups, splits = blocks("reference/file_formats.md", "json")
    for name, text in (("domains.json", domains), ("groups.json", groups), ("splits_final.json", splits)):
        (tmp_path / name).write_text(text)
    assert read_domain_map(tmp_path / "domains.json").ratios == {"north": 0.6, "south": 0.4}
    assert read_groups(tmp_path / "groups.json")["case_3"] == "patient_2"
    assert len(read_json(tmp_path / "splits_final.json", SPLITS)) == 2
