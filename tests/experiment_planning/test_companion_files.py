import json
from pathlib import Path

import pytest

from nnunetv2.domains.dataset_domains import DOMAIN_FILES
from nnunetv2.errors import DomainMapError
from nnunetv2.experiment_planning.companion_files import take_over_domain_files
from tests.stage_1_results import write_stage_1

CASES = ["a", "b"]


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A raw folder with all domain files, and an empty preprocessed folder."""
    raw, preprocessed = tmp_path / "raw", tmp_path / "preprocessed"
    raw.mkdir()
    preprocessed.mkdir()
    (raw / "domains.json").write_text(json.dumps({"domains": {"north": ["a"], "south": ["b"]}}))
    (raw / "groups.json").write_text(json.dumps({"groups": {"a": "p1", "b": "p2"}}))
    write_stage_1(raw, {"north": 0.6, "south": 0.4})
    return raw, preprocessed


def test_domain_files_are_copied(folders: tuple[Path, Path]) -> None:
    raw, preprocessed = folders
    take_over_domain_files(raw, preprocessed, CASES)
    for name in DOMAIN_FILES:
        assert (preprocessed / name).read_bytes() == (raw / name).read_bytes()


@pytest.mark.parametrize("name", DOMAIN_FILES)
def test_nothing_is_copied_if_one_of_the_files_is_malformed(folders: tuple[Path, Path], name: str) -> None:
    raw, preprocessed = folders
    (raw / name).write_text("[1]")
    with pytest.raises(DomainMapError, match=name):
        take_over_domain_files(raw, preprocessed, CASES)
    assert not list(preprocessed.iterdir())
