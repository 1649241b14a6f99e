"""Networks as ONNX files: equal logits in onnxruntime, and a JSON from which the whole prediction can be repeated."""

import json
from collections.abc import Callable
from importlib import util
from pathlib import Path

import numpy as np
import pytest

from nnunetv2.errors import CheckpointError, InvalidValueError, OutputExistsError
from nnunetv2.inference import onnx_export
from nnunetv2.inference.onnx_export import export_onnx
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.run.export_onnx_command import export_onnx_entry
from tests.factories.models import CPU, Trainer, write_model_folder
from tests.factories.plans import make_dataset_json, make_plans

FINAL = "checkpoint_final.pth"


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An untrained 2D model of two folds."""
    monkeypatch.setattr(onnx_export, "recursive_find_trainer_class_by_name", lambda name: Trainer)
    plans = make_plans([32, 48], [1.0, 1.0], ".png", 3)
    return write_model_folder(tmp_path / "model", plans, make_dataset_json(".png", 3), (0, 1), mirroring_axes=(0, 1))


def test_the_missing_packages_are_named(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run_command: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    find = util.find_spec
    monkeypatch.setattr(onnx_export, "find_spec", lambda name: None if name.startswith("onnx") else find(name))
    run_command(export_onnx_entry, model, "-o", tmp_path / "m.onnx", exit_code=2)
    assert capsys.readouterr().err == "error: the export needs onnx and onnxscript: pip install nnunetv2[onnx]\n"


def test_files_that_are_no_earlier_export_stay(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_export, "_require_packages", lambda: None)
    with pytest.raises(InvalidValueError, match=r"ends in \.onnx"):
        export_onnx(model, tmp_path / "m.pth", [0], FINAL)
    (tmp_path / "m.json").write_text('{"mine": 1}')
    with pytest.raises(OutputExistsError, match=r"m\.json exists and is not an export of a model"):
        export_onnx(model, tmp_path / "m.onnx", [0], FINAL)
    assert (tmp_path / "m.json").read_text() == '{"mine": 1}'


@pytest.mark.slow
def test_a_program_that_knows_only_the_files_predicts_the_same_labels(model: Path, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    written = export_onnx(model, tmp_path / "m.onnx", None, FINAL)
    assert [network.file.name for network in written] == ["m_fold_0.onnx", "m_fold_1.onnx"]
    assert all(network.difference is not None and network.difference < 1e-4 for network in written)
    facts = json.loads((tmp_path / "m.json").read_text())
    assert facts["input"]["shape"] == ["batch", 3, 32, 48]
    assert facts["normalization"][0]["scheme"] == "ZScoreNormalization"
    assert (facts["patch_size"], facts["spacing"], facts["activation"]) == ([32, 48], [1.0, 1.0], "softmax")
    image = np.random.default_rng(0).integers(0, 255, (3, 1, 32, 48)).astype(np.float32)
    normalized = (image - image.mean((1, 2, 3), keepdims=True)) / image.std((1, 2, 3), keepdims=True)
    logits = 0
    for network in facts["networks"]:
        session = onnxruntime.InferenceSession(tmp_path / network["file"], providers=["CPUExecutionProvider"])
        logits = logits + session.run(["logits"], {"image": normalized[None, :, 0]})[0][0]
    predictor = nnUNetPredictor(device=CPU, use_mirroring=False, allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(model, None, FINAL, Trainer)
    labels = predictor.predict_single_npy_array(image, {"spacing": (999, 1, 1)})
    assert (np.argmax(logits, 0) == labels[0]).mean() > 0.999  # ties of half precision


@pytest.mark.slow
def test_3d_networks_are_exported_and_exported_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run_command: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(onnx_export, "recursive_find_trainer_class_by_name", lambda name: Trainer)
    plans = make_plans([16, 24, 32], [2.0, 1.0, 1.0], ".nii.gz", 1)
    labels = {"background": 0, "whole": [1, 2], "core": [2]}
    dataset = make_dataset_json(".nii.gz", 1, labels, regions_class_order=[1, 2])
    model = write_model_folder(tmp_path / "model", plans, dataset)
    for _ in range(2):
        run_command(export_onnx_entry, model, "-o", tmp_path / "m.onnx")
        first, second = capsys.readouterr().out.splitlines()
        assert first.startswith(f"{tmp_path / 'm.onnx'}: fold 0, logits within ")
        assert second == f"{tmp_path / 'm.json'}: how images become their input"
    facts = json.loads((tmp_path / "m.json").read_text())
    assert (facts["activation"], facts["output"]["shape"]) == ("sigmoid", ["batch", 2, 16, 24, 32])


def test_all_files_appear_or_none(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_export, "_require_packages", lambda: None)
    monkeypatch.setattr(onnx_export.torch.onnx, "export", lambda _, __, file, **___: file.write_bytes(b"network"))
    differences = iter([0.0, float("nan")])
    monkeypatch.setattr(onnx_export, "_difference", lambda *_: next(differences))
    monkeypatch.setattr(onnx_export, "find_spec", lambda _: True)
    (tmp_path / "m_fold_0.onnx").write_bytes(b"earlier")
    (tmp_path / "m.json").write_text('{"networks": [], "patch_size": []}')
    with pytest.raises(CheckpointError, match=r"^m_fold_1\.onnx: nothing is written"):
        export_onnx(model, tmp_path / "m.onnx", None, FINAL)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.json", "m_fold_0.onnx", "model"]
    assert (tmp_path / "m_fold_0.onnx").read_bytes() == b"earlier"
    monkeypatch.setattr(onnx_export, "_difference", lambda *_: 0.0)
    written = export_onnx(model, tmp_path / "m.onnx", None, FINAL)
    assert [one.file for one in written] == [tmp_path / "m_fold_0.onnx", tmp_path / "m_fold_1.onnx"]
    assert all(one.file.read_bytes() == b"network" for one in written)
    assert len(json.loads((tmp_path / "m.json").read_text())["networks"]) == 2
    assert len(list(tmp_path.iterdir())) == 4
