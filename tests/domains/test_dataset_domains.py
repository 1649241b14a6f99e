"""The domains of a dataset: read from files, checked, copied, weighted."""

import json
from pathlib import Path
from typing import Any

import pytest

from nnunetv2.domains.dataset_domains import (
    DOMAIN_FILES,
    DatasetDomains,
    copy_domain_files,
    read_dataset_domains,
    read_domains_file,
)
from nnunetv2.errors import DomainMapError, MissingFileError
from s1.domain_map import DomainMap
from s1.files import file_sha256
from tests.stage_1_results import write_stage_1

MAP = DomainMap({"A": ("a1", "a2", "a3"), "B": ("b1",)})


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def write_map(folder: Path, **more: Any) -> Path:
    return write(folder / "domains.json", {"domains": {"A": ["a1", "a2", "a3"], "B": ["b1"]}, **more})


def test_a_folder_without_files_has_no_domains(tmp_path: Path) -> None:
    found = read_dataset_domains(tmp_path, cases=["any"])

    assert found.names == ()
    assert found.groups == {}
    assert found.evaluation_weights == {}
    found.require(["any"])
    with pytest.raises(MissingFileError, match=rf"{tmp_path / 'domains.json'} not found; `drift domains`"):
        _ = found.required_map


def test_every_file_comes_from_the_first_folder_that_has_it(tmp_path: Path) -> None:
    write(tmp_path / "one" / "domains.json", {"domains": {"X": ["a1"]}})
    write_map(tmp_path / "two")
    write(tmp_path / "two" / "groups.json", {"groups": {"a1": "p"}})

    found = read_dataset_domains(tmp_path / "one", tmp_path / "two")

    assert found.names == ("X",)
    assert found.groups == {"a1": "p"}


def test_problems_of_all_files_are_listed_together(tmp_path: Path) -> None:
    write_map(tmp_path, ratios={"A": 1})
    write(tmp_path / "groups.json", {"groups": {"other": "p"}})
    write(tmp_path / "prism_dd.json", {"version": 1})

    with pytest.raises(DomainMapError) as caught:
        read_dataset_domains(tmp_path, cases=["a1"])

    for text in ("lacks domain 'B'", "'other' does not exist", "prism_dd.json"):
        assert text in str(caught.value)


def test_cases_are_compared_with_domains_and_groups() -> None:
    found = DatasetDomains(MAP, {"x": "p"}, domains_file="d.json", groups_file="g.json")

    with pytest.raises(DomainMapError) as caught:
        found.check(["a1", "a2", "a3", "c"])

    for text in ("'c' is in no domain", "'b1' in domain 'B' does not exist", "g.json: case 'x' does not exist"):
        assert text in str(caught.value)
    found.require(["a1"])
    with pytest.raises(DomainMapError, match=r"d\.json: case 'c' is in no domain"):
        found.require(["a1", "c"])


@pytest.mark.parametrize(
    ("explicit", "measured", "expected"),
    [
        (None, None, {"A": 0.5, "B": 0.5}),
        (None, {"A": 0.6, "B": 0.4}, {"A": 0.6, "B": 0.4}),
        (None, {"A": 0.3, "B": 0.1, "C": 0.6}, {"A": 0.75, "B": 0.25}),
        (None, {"A": 0.3, "C": 0.7}, {"A": 0.5, "B": 0.5}),
        ({"A": 1.0, "B": 3.0}, {"A": 0.6, "B": 0.4}, {"A": 0.25, "B": 0.75}),
    ],
    ids=["equal", "stage 1", "some domains of stage 1", "stage 1 of others", "explicit"],
)
def test_weights_are_those_of_the_file_else_of_stage_1_else_equal(explicit, measured, expected) -> None:
    found = DatasetDomains(DomainMap(MAP.domains, explicit), prism_ratios=measured)

    assert found.evaluation_weights == pytest.approx(expected)


def test_stage_1_is_outdated_if_the_domains_have_changed_since(tmp_path: Path) -> None:
    digest = file_sha256(write_map(tmp_path))
    outdated = []
    for known in (digest, None, "0" * 64):
        write_stage_1(tmp_path, {"A": 0.6, "B": 0.4}, known)
        outdated.append(read_dataset_domains(tmp_path).prism_is_outdated)

    assert outdated == [False, False, True]


def test_a_file_of_any_name_has_the_result_of_stage_1_beside_it(tmp_path: Path) -> None:
    write_stage_1(tmp_path, {"A": 0.6, "B": 0.4})
    write(tmp_path / "groups.json", "of the training cases")
    file = write_map(tmp_path).rename(tmp_path / "domains_test.json")

    assert read_domains_file(file).evaluation_weights == pytest.approx({"A": 0.6, "B": 0.4})


def test_one_domain_is_none_to_balance_but_groups_stay() -> None:
    one = DatasetDomains(DomainMap({"A": ("a1",)}), {"a1": "p"}, {"A": 1.0})

    assert one.without_single_domain() == DatasetDomains(groups={"a1": "p"})
    assert DatasetDomains(MAP).without_single_domain().names == ("A", "B")


@pytest.fixture
def copied(tmp_path: Path) -> tuple[Path, Path]:
    """A folder with all files, and one with their copies."""
    source, target = tmp_path / "source", tmp_path / "target"
    target.mkdir()
    write_map(source)
    write(source / "groups.json", {"groups": {"a1": "p"}})
    write_stage_1(source, {"A": 0.6, "B": 0.4})
    copy_domain_files(source, target)
    return source, target


def test_files_are_copied_and_changed_ones_again(copied: tuple[Path, Path]) -> None:
    source, target = copied
    write_map(source, ratios={"A": 1, "B": 2})

    copy_domain_files(source, target)

    assert [(target / name).read_bytes() for name in DOMAIN_FILES] == [
        (source / name).read_bytes() for name in DOMAIN_FILES
    ]


@pytest.mark.parametrize("name", DOMAIN_FILES)
def test_a_copy_whose_original_is_gone_is_removed_with_a_warning(
    copied: tuple[Path, Path], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    source, target = copied
    (source / name).unlink()

    copy_domain_files(source, target)

    assert sorted(file.name for file in target.iterdir()) == sorted(set(DOMAIN_FILES) - {name})
    assert caplog.messages == [f"removed {target / name}: {source} has no such file any more"]
