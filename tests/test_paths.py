"""The folders of nnU-Net as objects that behave like the text in their variable."""

from pathlib import Path

import pytest

from nnunetv2.errors import SettingsError
from nnunetv2.paths import nnUNet_extTrainer, nnUNet_raw, nnUNet_results


@pytest.mark.parametrize("form", ["{}", "'{}'", '"{}"\r', " {} "])
def test_a_folder_is_the_same_text_in_each_form(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, form: str) -> None:
    monkeypatch.setenv("nnUNet_raw", form.format(tmp_path))
    assert nnUNet_raw == str(tmp_path)
    assert f"{nnUNet_raw}" == nnUNet_raw + "" == str(nnUNet_raw) == str(tmp_path)
    assert nnUNet_raw / "a" == tmp_path / "a"
    assert nnUNet_raw.endswith(tmp_path.name)


def test_the_home_folder_is_expanded_and_an_unknown_one_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("nnUNet_results", "~/results")
    assert nnUNet_results == str(tmp_path / "results")
    monkeypatch.setenv("nnUNet_results", "~no-such-user/results")
    assert nnUNet_results.is_set()
    with pytest.raises(SettingsError, match="no such home folder"):
        str(nnUNet_results)


def test_an_empty_value_counts_as_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("nnUNet_raw", "")
    assert nnUNet_raw.is_set()
    assert nnUNet_raw == str(nnUNet_raw) == ""


def test_folders_of_trainers_are_read_one_by_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert nnUNet_extTrainer.folders() == []
    assert nnUNet_extTrainer.get() is None
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("nnUNet_extTrainer", "'~/a:~/b'\r")
    assert nnUNet_extTrainer.folders() == [f"{tmp_path}/a", f"{tmp_path}/b"]
    assert nnUNet_extTrainer == f"{tmp_path}/a:{tmp_path}/b"
