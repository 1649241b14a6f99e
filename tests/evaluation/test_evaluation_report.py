"""Which domains a folder has for a report, and what is printed of them."""

from pathlib import Path

import pytest

from nnunetv2.evaluation.evaluation_report import domains_of_folder
from nnunetv2.foundation.files import write_json


@pytest.mark.parametrize(
    ("domains", "expected"),
    [
        (None, ()),
        ({"north": ["a", "b"]}, ()),
        ({"north": ["a"], "south": ["b"]}, ("north", "south")),
    ],
)
def test_a_folder_has_the_domains_that_its_training_had(
    tmp_path: Path, domains: dict[str, list[str]] | None, expected: tuple[str, ...]
) -> None:
    if domains:
        write_json({"domains": domains}, tmp_path / "domains.json")
    assert domains_of_folder(tmp_path).names == expected
