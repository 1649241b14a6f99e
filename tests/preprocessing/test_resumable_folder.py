import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nnunetv2.errors import SettingsError
from nnunetv2.foundation.journal import stamp
from nnunetv2.preprocessing.resumable_folder import ResumableFolder

RECIPE = {"spacing": [1, 1], "labels": {"tumor": 1}}


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
def run(tmp_path: Path) -> Iterator[Run]:
    started = Run(tmp_path)
    assert started.target.prepare(RECIPE, started.sources) == set()
    yield started
    started.target.tidy()


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


@pytest.mark.parametrize("recipe", [{"spacing": [2, 2]}, dict(reversed(RECIPE.items()))])
def test_another_recipe_or_order_of_entries_starts_from_nothing_with_a_warning(
    run: Run, caplog: pytest.LogCaptureFixture, recipe: dict[str, Any]
) -> None:
    run.do("a")
    assert run.target.prepare(recipe, run.sources) == set()
    assert run.names() == []
    assert caplog.messages == [f"{run.target.folder}: plans or code changed, 1 finished case(s) are preprocessed again"]


def test_a_changed_source_is_preprocessed_again_with_a_warning(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    run.do("a")
    run.do("b")
    Path(run.sources["a"][0]).write_text("changed")
    assert run.target.prepare(RECIPE, run.sources) == {"b"}
    assert run.names() == ["b.b2nd", "b.pkl"]
    assert caplog.messages == [f"{run.target.folder}: their files changed, 1 finished case(s) are preprocessed again"]


def test_a_new_source_file_counts_as_a_change(run: Run) -> None:
    run.sources["a"].append(run.sources["a"][0] + ".json")
    run.do("a")
    assert run.target.prepare(RECIPE, run.sources) == {"a"}
    Path(run.sources["a"][1]).touch()
    assert run.target.prepare(RECIPE, run.sources) == set()


def test_a_case_that_left_the_dataset_is_removed_without_a_warning(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    run.do("a")
    assert run.target.prepare(RECIPE, {"b": run.sources["b"]}) == set()
    assert run.names() == []
    assert caplog.text == ""


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text("shorter")])
def test_a_case_whose_result_was_lost_or_changed_is_preprocessed_again(run: Run, damage: object) -> None:
    run.do("a")
    damage(run.target.folder / "a.b2nd")
    assert run.target.prepare(RECIPE, run.sources) == set()
    assert run.names() == []


def test_files_of_no_finished_case_are_removed(run: Run) -> None:
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
    run.target.tidy()


def test_an_incomplete_line_is_skipped(run: Run) -> None:
    run.do("a")
    run.do("b")
    text = run.target.journal.read_text()
    run.target.journal.write_text(text[:-20])
    assert run.target.prepare(RECIPE, run.sources) == {"a"}


def test_a_line_after_an_incomplete_one_counts(run: Run) -> None:
    run.do("a")
    run.target.journal.write_text(run.target.journal.read_text()[:-20])
    run.do("b")
    assert run.target.prepare(RECIPE, run.sources) == {"b"}


@pytest.mark.parametrize("line", ['{"case": "b"}', "[1]", "7", "null", "\x00\xff", '{"case": "b", "sour'])
def test_a_line_that_is_not_an_entry_is_skipped(run: Run, line: str) -> None:
    with run.target.journal.open("a") as stream:
        stream.write(f"\n{line}")
    run.do("a")
    assert run.target.prepare(RECIPE, run.sources) == {"a"}


def test_a_journal_that_cannot_be_parsed_is_ignored(run: Run) -> None:
    run.do("a")
    run.target.journal.write_bytes(bytes(range(256)))
    assert run.target.prepare(RECIPE, run.sources) == set()
    assert run.names() == []


def test_a_journal_line_that_cannot_be_written_completely_is_an_error(run: Run) -> None:
    """A limit on file sizes stands in for a full disk: the system writes a part of the line."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (run.target.journal.stat().st_size + 20, before[1]))
    try:
        with pytest.raises(OSError, match="No space left") as caught:
            run.do("a")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.filename == str(run.target.journal)
    run.target.tidy()
    assert run.names() == []


def test_one_run_at_a_time_works_on_a_folder(run: Run) -> None:
    run.do("a")
    stem = run.target.begin("b")
    other = ResumableFolder(run.target.folder)
    with pytest.raises(SettingsError, match=r"out: another command is writing into it"):
        other.prepare({"spacing": [2, 2]}, run.sources)
    assert run.names() == ["a.b2nd", "a.pkl"]
    assert Path(stem).parent.is_dir(), "the case under way was left alone"

    run.target.tidy()
    assert other.prepare(RECIPE, run.sources) == {"a"}
    other.tidy()


def test_a_run_that_could_not_start_unlocks_the_folder(run: Run) -> None:
    run.target.tidy()
    broken = ResumableFolder(run.target.folder)
    with pytest.raises(TypeError):
        broken.prepare({(1, 2): 3}, run.sources)
    assert run.target.prepare(RECIPE, run.sources) == set()


def test_workers_get_copies_that_can_finish_cases(run: Run) -> None:
    copy = pickle.loads(pickle.dumps(run.target))
    Path(copy.begin("a") + ".pkl").write_text("properties")
    copy.finish("a", [])
    assert json.loads(run.target.journal.read_text().splitlines()[-1])["case"] == "a"


@pytest.mark.parametrize("exists", [True, False])
def test_the_folder_may_be_a_link_to_another_disk(tmp_path: Path, exists: bool) -> None:
    run = Run(tmp_path)
    elsewhere = tmp_path / "disk" / "cases"
    if exists:
        elsewhere.mkdir(parents=True)
    run.target.folder.symlink_to(elsewhere)
    assert run.target.prepare(RECIPE, run.sources) == set()
    assert run.target.staging.parent == run.target.journal.parent == elsewhere.parent
    run.do("a")
    run.target.tidy()
    assert sorted(path.name for path in elsewhere.iterdir()) == ["a.b2nd", "a.pkl"]


def test_the_properties_are_moved_last(run: Run) -> None:
    run.do("a")
    outputs = json.loads(run.target.journal.read_text().splitlines()[-1])["outputs"]
    assert [name for name, _, _ in outputs] == ["a.b2nd", "a.pkl"]


OUTPUTS = '{"case": "a", "sources": [], "outputs": %s}'
ODD_LINES = ["[" * 5000, "9" * 5000, "null", "[]", '{"case": 3, "sources": [], "outputs": []}']
ODD_LINES += [OUTPUTS % outputs for outputs in ("3", "[5]", "[[5, 1, 1]]", '[["a"]]', "[[null, null, null]]")]


@pytest.mark.parametrize("line", ODD_LINES)
def test_a_line_of_the_journal_that_says_nothing_is_passed_over(tmp_path: Path, line: str) -> None:
    folder = ResumableFolder(tmp_path / "data")
    folder.prepare({}, {"a": []})
    folder.tidy()
    with folder.journal.open("a") as journal:
        journal.write(f"\n{line}\n")

    assert folder.prepare({}, {"a": []}) == set()
    folder.tidy()
