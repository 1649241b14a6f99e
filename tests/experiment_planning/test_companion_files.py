import json
from pathlib import Path

import pytest

from nnunetv2.experiment_planning.companion_files import DOMAIN_FILES, take_over_domain_files

CASES = ["a", "b"]
CONTENTS = {
    "domains.json": {"domains": {"north": ["a"], "south": ["b"]}},
    "groups.json": {"groups": {"a": "p1", "b": "p2"}},
    "prism_dd.json": {"version": 1},
}


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A raw folder with all domain files and a preprocessed folder with their copies."""
    raw, preprocessed = tmp_path / "raw", tmp_path / "preprocessed"
    raw.mkdir()
    preprocessed.mkdir()
    for name, content in CONTENTS.items():
        (raw / name).write_text(json.dumps(content))
    take_over_domain_files(raw, preprocessed, CASES)
    return raw, preprocessed


def test_domain_files_are_copied(folders: tuple[Path, Path]) -> None:
    raw, preprocessed = folders
    for name in DOMAIN_FILES:
        assert (preprocessed / name).read_bytes() == (raw / name).read_bytes()


def test_a_changed_file_is_copied_again(folders: tuple[Path, Path]) -> None:
    raw, preprocessed = folders
    (raw / "domains.json").write_text(json.dumps({"domains": {"all": CASES}}))
    take_over_domain_files(raw, preprocessed, CASES)
    assert json.loads((preprocessed / "domains.json").read_text()) == {"domains": {"all": CASES}}


@pytest.mark.parametrize("name", DOMAIN_FILES)
def test_a_copy_whose_original_is_gone_is_removed_with_a_warning(
    folders: tuple[Path, Path], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    raw, preprocessed = folders
    (raw / name).unlink()
    take_over_domain_files(raw, preprocessed, CASES)
    assert sorted(file.name for file in preprocessed.iterdir()) == sorted(set(DOMAIN_FILES) - {name})
    assert caplog.messages == [f"removing {preprocessed / name}: the raw dataset no longer has {name}"]
