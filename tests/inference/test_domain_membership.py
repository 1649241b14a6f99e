"""Which domain a predicted image looks like, in a file and in a line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnunetv2.domains.domain_statistics import DomainStatistics
from nnunetv2.errors import CheckpointError
from nnunetv2.inference import domain_membership
from nnunetv2.inference.data_iterators import preprocessing_iterator_fromfiles
from nnunetv2.inference.domain_membership import Membership, MembershipRecord, options_for, statistics_in
from nnunetv2.pathology.stain.intensities_entry import PROPERTY, Z_SCORES, intensities_entry
from nnunetv2.preprocessing.normalization.plane_scaling import SubtractAndDivide
from nnunetv2.preprocessing.stored_plane import StoredPlane

WHITE, GREY = np.zeros(9), np.array([np.log(2)] * 3 + [0.0] * 6)


def statistics(limit: float = 0.1, **means: np.ndarray) -> DomainStatistics:
    """Distances are those of the mean optical densities."""
    means = means or {"white": WHITE, "grey": GREY}
    return DomainStatistics(tuple(means), np.stack(list(means.values())), np.diag([1.0] * 3 + [0.0] * 6), limit)


def even_image(value: float) -> dict[str, Any]:
    """Properties of an image of one grey value."""
    return {PROPERTY: intensities_entry(np.full((3, 1, 4, 4), value, np.float32), Z_SCORES), "spacing": [1, 1, 1]}


def test_an_image_is_inside_up_to_the_limit_of_its_nearest_domain() -> None:
    features = np.array([0.3] + [0.0] * 8)
    found = Membership.of_case([statistics(0.3)], features)
    assert found.nearest == "white"
    assert found.distances["white"] == pytest.approx(0.3)
    assert found.is_inside
    assert not Membership.of_case([statistics(0.29)], features).is_inside


def test_folds_are_averaged_each_domain_over_those_that_learned_from_it() -> None:
    folds = [statistics(1.0), statistics(2.0, white=np.full(9, 2.0), blue=np.full(9, 4.0))]
    found = Membership.of_case(folds, np.zeros(9))
    root = np.sqrt(3)
    expected = {"white": root, "grey": np.log(2) * root, "blue": 4 * root}
    assert found.distances == {name: pytest.approx(value) for name, value in expected.items()}
    assert found.limit == 1.5


def test_a_record_prints_a_line_for_each_case_and_writes_one_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = MembershipRecord([statistics()], tmp_path)
    for case, value in (("b", 127.0), ("a", 20.0)):
        record.add(case, None, even_image(value))
    record.add("c", None, {})
    record.write()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "b: nearest domain grey, distance 0.00 (limit 0.10): in"
    assert "a: nearest domain grey" in lines[1]
    assert "OUT" in lines[1]
    assert "unknown" in lines[2]
    cases = json.loads((tmp_path / "predict_domains.json").read_text())["cases"]
    assert list(cases) == ["a", "b", "c"]
    assert cases["b"] == {
        "nearest": "grey",
        "distance": 0.0,
        "limit": 0.1,
        "inside": True,
        "distances": {"white": round(np.log(2) * np.sqrt(3), 4), "grey": 0.0},
    }
    assert not cases["a"]["inside"]
    assert cases["c"] is None


def test_the_colours_do_not_stay_in_the_properties_that_are_stored_with_predictions(tmp_path: Path) -> None:
    properties = even_image(100)
    MembershipRecord([statistics()], tmp_path).add("a", None, properties)
    assert set(properties) == {"spacing"}


def test_cases_of_earlier_runs_stay_and_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "predict_domains.json"

    def predict(case: str) -> list[str]:
        record = MembershipRecord([statistics()], tmp_path)
        record.add(case, None, even_image(127))
        record.write()
        return list(json.loads(file.read_text())["cases"])

    assert predict("b") == ["b"]
    assert predict("a") == ["a", "b"]
    for damaged in ("", "[]", '{"cases": 3}', '{"cases": {"x": {"nearest": 1}}}'):
        file.write_text(damaged)
        assert predict("c") == ["c"]
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_without_a_case_nothing_is_written(tmp_path: Path) -> None:
    MembershipRecord([statistics()], tmp_path).write()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("checkpoint", [{}, {"drift": {}}, {"drift": {"version": 1, "domains": ["A"]}}])
def test_models_without_statistics_say_nothing(checkpoint: dict[str, Any]) -> None:
    assert statistics_in(checkpoint, Path("model.pth")) is None


@pytest.mark.parametrize(
    "entry",
    [
        {"domain_statistics": 3},
        {"domain_statistics": {}},
        {"domain_statistics": {**statistics().to_dict(), "limit": float("nan")}},
        {"domain_statistics": {**statistics().to_dict(), "means": [[0.0] * 8] * 2}},
        {"domain_statistics": {**statistics().to_dict(), "precision": [[0.0]]}},
    ],
)
def test_damaged_statistics_are_refused_with_the_file(entry: Any) -> None:
    with pytest.raises(CheckpointError, match=r"^model\.pth: ") as refusal:
        statistics_in({"drift": entry}, Path("model.pth"))
    assert "\n" not in str(refusal.value)


def test_colours_are_asked_of_our_own_iterator_only_and_only_if_wanted() -> None:
    assert options_for(preprocessing_iterator_fromfiles, True) == {"keep_colours": True}
    assert options_for(preprocessing_iterator_fromfiles, False) == {}
    assert options_for(lambda list_of_lists, verbose=False: None, True) == {}


def test_a_process_waits_while_another_one_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers, waited = [False, False, True], []
    monkeypatch.setattr(domain_membership.FileLock, "take", lambda _: answers.pop(0))
    monkeypatch.setattr(domain_membership.time, "sleep", waited.append)
    record = MembershipRecord([statistics()], tmp_path)
    record.add("a", None, even_image(127))
    record.write()
    assert len(waited) == 2
    assert (tmp_path / "predict_domains.json").is_file()


def test_an_image_in_parts_is_measured_with_the_pixels_of_the_whole(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    image = pixels.transpose(2, 0, 1)[:, None]
    plane = StoredPlane((image,), [[0, 1], [0, 90], [0, 120]], (SubtractAndDivide(0, 255),) * 3)
    whole = image.astype(np.float32) / 255
    for case, data in (("a", plane), ("b", whole)):
        record = MembershipRecord([statistics()], tmp_path)
        record.add(case, data, {PROPERTY: {"offset": [0.0] * 3, "scale": [255.0] * 3}})
        record.write()
    cases = json.loads((tmp_path / "predict_domains.json").read_text())["cases"]
    assert cases["a"] == cases["b"]
