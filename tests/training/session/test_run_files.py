import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from nnunetv2.errors import MissingFileError, SettingsError
from nnunetv2.training.session.progress import end_loader, with_progress
from nnunetv2.training.session.run_files import require_preprocessed, write_model_files


def test_the_error_for_a_missing_preprocessed_dataset_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="run `nnUNetv2_preprocess -d 4 -c 2d` first"):
        require_preprocessed(str(tmp_path / "nowhere"), "nnUNetv2_preprocess -d 4 -c 2d")
    with pytest.raises(SettingsError, match="nnUNet_preprocessed is not set"):
        require_preprocessed(None)


def test_the_model_folder_gets_plans_and_the_files_the_model_was_made_from(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    for name in ("dataset_fingerprint.json", "domains.json", "prism_dd.json"):
        (source / name).write_text(name)

    write_model_files({"b": 1, "a": 2}, {"labels": {}}, str(source), str(target))

    assert list(json.loads((target / "plans.json").read_text())) == ["b", "a"]
    assert json.loads((target / "dataset.json").read_text()) == {"labels": {}}
    assert (target / "domains.json").read_text() == "domains.json"
    assert not (target / "groups.json").exists()


def test_progress_counts_and_draws_nothing_off_a_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    assert list(with_progress(3, "Epoch 0")) == [0, 1, 2]
    assert capfd.readouterr() == ("", "")


def test_ending_a_loader_is_silent_and_needs_no_processes(capfd: pytest.CaptureFixture[str]) -> None:
    ended = []

    def finish() -> None:
        print("noise")  # noqa: T201
        ended.append(True)

    end_loader(SimpleNamespace(_finish=finish))
    end_loader(None)

    assert ended == [True]
    assert capfd.readouterr().out == ""
