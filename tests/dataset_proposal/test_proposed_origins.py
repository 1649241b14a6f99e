"""Domains and groups are what tables, folders and names of files say."""

from pathlib import Path

import pytest

from nnunetv2.dataset_conversion.image_folder_cases import Pair
from nnunetv2.dataset_proposal.paired_cases import FoundCase
from nnunetv2.dataset_proposal.proposed_origins import looks_like_origins, origins_from_names, origins_from_table

PAIR = Pair(Path("i"), Path("m"))


def cases(*names: str) -> list[FoundCase]:
    """Return cases from `folder/folder/name`."""
    return [FoundCase(name.split("/")[-1], PAIR, tuple(name.split("/")[:-1])) for name in names]


def test_the_outermost_folders_that_differ_are_domains_and_those_within_groups() -> None:
    paths = [f"all/{site}/{patient}/{site}{patient}{i}" for site in "ns" for patient in "pq" for i in range(2)]
    origins = origins_from_names(cases(*paths))
    assert origins.domains["np0"] == "n"
    assert origins.domains["sq1"] == "s"
    assert origins.groups["np0"] == origins.groups["np1"] == "n_p"
    assert len(set(origins.groups.values())) == 4
    assert origins.domain_source == origins.group_source == "the names of folders"


def test_many_folders_are_patients_and_no_domains() -> None:
    origins = origins_from_names(cases(*[f"patient{p}/x{p}_{i}" for p in range(20) for i in range(3)]))
    assert origins.domains == {}
    assert origins.groups["x7_1"] == "patient7"


def test_names_that_begin_alike_are_domains() -> None:
    origins = origins_from_names(cases("north_1", "north_2", "south_1", "south_2"))
    assert origins.domains == {"north_1": "north", "north_2": "north", "south_1": "south", "south_2": "south"}


@pytest.mark.parametrize("names", [("a_1", "a_2"), ("x1", "y1", "z1"), ("ab_1", "ab_2"), ("ab_1", "ab_2", "cd_1")])
def test_names_that_tell_nothing_give_no_domains(names: tuple[str, ...]) -> None:
    assert origins_from_names(cases(*names)).domains == {}


@pytest.mark.parametrize(
    ("names", "group"),
    [
        (["TCGA-A1-A0SB-01_1", "TCGA-A1-A0SB-01_2", "TCGA-B2-A0SC-01_1"], "TCGA-A1-A0SB"),
        (["s1_d_2.5_x_0_y_0_w_9_h_9", "s1_d_2.5_x_9_y_0_w_9_h_9", "s2_d_2_x_0_y_0_w_9_h_9"], "s1"),
        (["s1_x0_y0", "s1_x0_y9", "s2_x0_y0"], "s1"),
        (["s1_tile_1", "s1_tile2", "s2_tile_1"], "s1"),
        (["a_patient3_1", "a_patient3_2", "b_patient4_1"], "patient3"),
    ],
)
def test_tiles_of_a_slide_or_patient_are_one_group(names: list[str], group: str) -> None:
    origins = origins_from_names(cases(*names))
    assert [origins.groups[name] for name in names[:2]] == [group, group]
    assert origins.groups[names[2]] != group


def test_a_table_names_domains_and_groups(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("case,domain,group\na.png,n,p1\nb,s,p2\n")
    assert looks_like_origins(table)
    origins = origins_from_table(table, cases("x/a", "x/b"))
    assert (origins.domains, origins.groups) == ({"a": "n", "b": "s"}, {"a": "p1", "b": "p2"})


def test_mistakes_of_a_table_are_problems(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("case,domain\na,n\nzzz,s\n")
    problems = origins_from_table(table, cases("a", "b")).problems
    assert [problem.what for problem in problems] == [
        "line 3: case 'zzz' does not exist",
        "case 'b' is not in the table",
    ]


@pytest.mark.parametrize("content", [b"name;size\n", b"\xff\xfe\x00", b""])
def test_other_tables_are_not_taken_for_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    assert not looks_like_origins(tmp_path / "t.csv")
