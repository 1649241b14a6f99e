import json
from pathlib import Path

import pytest

from nnunetv2.preprocessing.resumable_folder import ResumableFolder, code_stamps, stamp

RECIPE = {"spacing": [1, 1]}


class Run:
    """A folder, two source files, and the work of one case."""

    def __init__(self, root: Path):
        self.target = ResumableFolder(root / "out")
        self.sources = {case: [str(root / f"{case}.png")] for case in ("a", "b")}
        for case, files in self.sources.items():
            Path(files[0]).write_text(case)

    def do(self, case: str, ending: str = "") -> None:
        stem = self.target.begin(case)
        Path(stem + ".b2nd").write_text("data" + ending)
        Path(stem + ".pkl").write_text("properties")
        self.target.finish(case, [stamp(path) for path in self.sources[case]])

    def names(self) -> list[str]:
        return sorted(path.name for path in self.target.folder.iterdir())


@pytest.fixture
def run(tmp_path: Path) -> Run:
    started = Run(tmp_path)
    assert started.target.prepare(RECIPE, started.sources) == set()
    return started


def test_finished_cases_are_found_again(run: Run) -> None:
    run.do("a")
    assert run.target.prepare(RECIPE, run.sources) == {"a"}
    assert run.names() == ["a.b2nd", "a.pkl"]


def test_the_data_folder_holds_nothing_but_cases(run: Run) -> None:
    run.do("a")
    run.target.tidy()
    assert run.names() == ["a.b2nd", "a.pkl"]
    assert sorted(path.name for path in run.target.folder.parent.iterdir()) == [
        "a.png",
        "b.png",
        "out",
        "out.journal.jsonl",
    ]


def test_another_recipe_starts_from_nothing(run: Run) -> None:
    run.do("a")
    assert run.target.prepare({"spacing": [2, 2]}, run.sources) == set()
    assert run.names() == []


def test_a_changed_source_is_done_again(run: Run) -> None:
    run.do("a")
    run.do("b")
    Path(run.sources["a"][0]).write_text("changed")
    assert run.target.prepare(RECIPE, run.sources) == {"b"}
    assert run.names() == ["b.b2nd", "b.pkl"]


def test_a_new_source_file_counts_as_a_change(run: Run) -> None:
    run.sources["a"].append(run.sources["a"][0] + ".json")
    run.do("a")
    assert run.target.prepare(RECIPE, run.sources) == {"a"}
    Path(run.sources["a"][1]).touch()
    assert run.target.prepare(RECIPE, run.sources) == set()


def test_a_case_that_left_the_data_set_is_removed(run: Run) -> None:
    run.do("a")
    assert run.target.prepare(RECIPE, {"b": run.sources["b"]}) == set()
    assert run.names() == []


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text("shorter")])
def test_a_lost_or_changed_result_is_done_again(run: Run, damage: object) -> None:
    run.do("a")
    damage(run.target.folder / "a.b2nd")
    assert run.target.prepare(RECIPE, run.sources) == set()
    assert run.names() == []


def test_what_no_finished_case_owns_is_removed(run: Run) -> None:
    run.do("a")
    (run.target.folder / "notes.json").touch()
    (run.target.folder / "folder").mkdir()
    run.target.begin("b")
    run.target.tidy()
    assert run.names() == ["a.b2nd", "a.pkl"]
    assert not run.target.staging.exists()


def test_a_folder_without_a_journal_is_emptied(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.target.folder.mkdir()
    (run.target.folder / "a.b2nd").touch()
    assert run.target.prepare(RECIPE, run.sources) == set()
    assert run.names() == []


def test_a_line_that_was_cut_short_is_passed_over(run: Run) -> None:
    run.do("a")
    run.do("b")
    text = run.target.journal.read_text()
    run.target.journal.write_text(text[:-20])
    assert run.target.prepare(RECIPE, run.sources) == {"a"}


def test_the_properties_are_moved_last(run: Run) -> None:
    run.do("a")
    outputs = json.loads(run.target.journal.read_text().splitlines()[1])["outputs"]
    assert [name for name, _, _ in outputs] == ["a.b2nd", "a.pkl"]


def test_code_is_recognised_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("x = 1")
    before = code_stamps([str(tmp_path)], [Run, object])
    assert {Path(path).name for path, _, _ in before} == {"module.py", Path(__file__).name}
    (tmp_path / "module.py").write_text("x = 22")
    assert code_stamps([str(tmp_path)], [Run, object]) != before
