"""What `make ablation` runs."""

from pathlib import Path

import pytest

from sample_data import ablation
from sample_data.ablation import main


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, str]]:
    """Record (command, raw folder) instead of running it."""
    lines: list[tuple[str, str]] = []

    def record(*words: object, variables: dict[str, str]) -> None:
        assert variables["nnUNet_results"] == str(tmp_path / "work" / "nnUNet_results")
        lines.append((" ".join(map(str, words)), variables["nnUNet_raw"]))

    monkeypatch.setattr(ablation, "WORK", tmp_path / "work")
    monkeypatch.setattr(ablation, "run", record)
    monkeypatch.delenv("DRIFT_REAL_DATA", raising=False)
    return lines


def test_everyone_gets_the_quick_budget_on_the_synthetic_dataset(
    commands: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    main([])
    assert [command.split()[0] for command, _ in commands] == ["python", "nnUNetv2_plan_and_preprocess", "drift"]
    assert commands[-1][0] == "drift ablate -d 110 --budget quick --seeds 0"
    assert "set DRIFT_REAL_DATA" in capsys.readouterr().out


def test_a_second_run_goes_on_with_what_is_prepared(commands: list[tuple[str, str]]) -> None:
    main([])
    main(["-tr", "nnUNetTrainerEMA"])
    assert commands[3:] == [("drift ablate -d 110 --budget quick --seeds 0 -tr nnUNetTrainerEMA", commands[0][1])]


def test_real_datasets_get_the_small_budget_and_are_not_written_to(
    commands: list[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tmp_path / "real"
    (real / "Dataset102_Nuclei").mkdir(parents=True)
    monkeypatch.setenv("DRIFT_REAL_DATA", str(real))
    main([])
    assert commands[3:] == [
        ("nnUNetv2_plan_and_preprocess -d 102 -c 2d", str(real)),
        ("drift ablate -d 102 --budget small", str(real)),
    ]
    (real / "Dataset101_EpiTumorRegions").mkdir()
    main([])
    assert commands[-1][0] == "drift ablate -d 101 --budget small"
