from pathlib import Path

import pytest

from nnunetv2.evaluation.summary_file import save_summary_json

RESULTS = {"mean": {}, "metric_per_case": [], "foreground_mean": {}}


@pytest.mark.parametrize(("name", "is_kept"), [("summary.json", False), ("other.json", True)])
def test_a_new_summary_removes_the_scores_by_domain_of_the_earlier_one(tmp_path: Path, name, is_kept) -> None:
    (tmp_path / "domain_summary.json").write_text("{}")
    save_summary_json(RESULTS, tmp_path / name)
    assert (tmp_path / name).is_file()
    assert (tmp_path / "domain_summary.json").is_file() is is_kept
