"""The main job with the real commands, from raw images of two domains to the report, and its model in stock nnU-Net."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import folders_in
from tests.differential.oracle import command, run_oracle
from tests.pipeline.factories import CASES, NAME, Workspace, save, write_raw_dataset
from tests.shared_builds import built_once

TRAINER = "nnUNetTrainerTiny"
TINY_TRAINER = f"""
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


class {TRAINER}(nnUNetTrainer):
    balance_batches = use_edge_heads = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.num_epochs, self.num_iterations_per_epoch, self.num_val_iterations_per_epoch = 2, 6, 2
"""
TINY_NETWORK = {
    "n_stages": 3,
    "features_per_stage": [4, 8, 8],
    "kernel_sizes": [[3, 3]] * 3,
    "strides": [[1, 1], [2, 2], [2, 2]],
    "n_conv_per_stage": [1] * 3,
    "n_conv_per_stage_decoder": [1] * 2,
}
PREDICT = ("-d", 310, "-c", "2d", "-f", 0, "-device", "cpu", "-npp", 0, "-nps", 0, "--disable_progress_bar")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace in which every command of the main job has run."""
    return workspace_in(built_once(tmp_path_factory, "main_job", run_main_job))


def workspace_in(root: Path) -> Workspace:
    return Workspace(folders_in(root), {"nnUNet_extTrainer": str(root / "trainers")})


def run_main_job(root: Path) -> None:
    (root / "trainers").mkdir()
    (root / "trainers" / f"{TRAINER}.py").write_text(TINY_TRAINER)
    job = workspace_in(root)
    write_raw_dataset(job.raw)
    must_succeed(job, "drift", "prism", "-d", 310, "--no-report", "--workers", 0)
    planned = job.plan("--verify_dataset_integrity")
    assert planned.code == 0, planned.errors
    shrink_plans(job.preprocessed / "nnUNetPlans.json")
    trained = job.train(0, "-tr", TRAINER)
    assert trained.code == 0, trained.errors
    images, out = job.raw / "imagesTr", root / "predictions"
    predicted = must_succeed(job, "nnUNetv2_predict", "-i", images, "-o", out, "-tr", TRAINER, *PREDICT)
    (root / "predict.txt").write_text(predicted)
    model = ("-djfile", out / "dataset.json", "-pfile", out / "plans.json")
    domains = ("--domains", job.raw / "domains.json")
    must_succeed(job, "nnUNetv2_evaluate_folder", job.raw / "labelsTr", out, *model, *domains, "-np", 0)
    must_succeed(job, "drift", "report", model_folder(job), "-o", root / "report.html")


def must_succeed(job: Workspace, *words: object) -> str:
    done = job.run(str(words[0]), *words[1:])
    assert done.code == 0, done.errors
    return done.out


def shrink_plans(file: Path) -> None:
    plans = json.loads(file.read_text())
    configuration = plans["configurations"]["2d"]
    configuration.update(patch_size=[32, 32], batch_size=4)
    configuration["architecture"]["arch_kwargs"].update(TINY_NETWORK)
    file.write_text(json.dumps(plans))


def model_folder(job: Workspace) -> Path:
    return job.folders.results / NAME / f"{TRAINER}__nnUNetPlans__2d"


def test_every_image_has_a_prediction_of_its_size(finished: Workspace) -> None:
    for case in CASES:
        prediction = np.array(Image.open(finished.folders.raw.parent / "predictions" / f"{case}.png"))
        assert prediction.shape == np.array(Image.open(finished.raw / "labelsTr" / f"{case}.png")).shape
        assert set(np.unique(prediction)) <= {0, 1}


def test_validation_and_evaluation_are_by_domain(finished: Workspace) -> None:
    cases = {"validation": 0, "predictions": 0}
    folders = {
        "validation": model_folder(finished) / "fold_0" / "validation",
        "predictions": finished.folders.raw.parent / "predictions",
    }
    for name, folder in folders.items():
        summary = json.loads((folder / "domain_summary.json").read_text())
        assert set(summary["domains"]) == {"A", "B"}
        cases[name] = sum(domain["cases"] for domain in summary["domains"].values())
    assert cases == {"validation": 2, "predictions": len(CASES)}


def test_the_model_folder_records_its_origin(finished: Workspace) -> None:
    for name in ("plans.json", "dataset.json", "dataset_fingerprint.json", "domains.json", "prism_dd.json"):
        assert (model_folder(finished) / name).is_file(), name
    ratios = json.loads((finished.raw / "prism_dd.json").read_text())["ratios"]
    log = next((model_folder(finished) / "fold_0").glob("training_log_*.txt")).read_text()
    assert sum(ratios.values()) == pytest.approx(1)
    assert "stage 1 (prism_dd.json)" in log


def test_the_report_is_self_contained(finished: Workspace) -> None:
    page = (finished.folders.raw.parent / "report.html").read_text()
    assert "data:image/png;base64," in page
    assert 'src="http' not in page
    assert 'href="http' not in page


def test_predictions_say_which_domain_each_image_looks_like(finished: Workspace) -> None:
    root = finished.folders.raw.parent
    cases = json.loads((root / "predictions" / "predict_domains.json").read_text())["cases"]
    assert set(cases) == set(CASES)
    assert {case["nearest"] for case in cases.values()} <= {"A", "B"}
    assert sum(case["inside"] for case in cases.values()) >= 8
    lines = [line for line in (root / "predict.txt").read_text().splitlines() if "nearest domain" in line]
    assert [line.partition(":")[0] for line in lines] == list(CASES)


@pytest.mark.long
def test_an_image_of_other_colours_is_like_no_domain_also_from_worker_processes(
    finished: Workspace, tmp_path: Path
) -> None:
    picture = np.array(Image.open(finished.raw / "imagesTr" / f"{CASES[0]}_0000.png"))
    (tmp_path / "in").mkdir()
    save(255 - picture // 4, tmp_path / "in" / "foreign_0000.png")
    save(picture, tmp_path / "in" / "known_0000.png")
    words = ("nnUNetv2_predict_from_modelfolder", "-i", tmp_path / "in", "-o", tmp_path / "out", "-f", 0)
    workers = ("-npp", 1, "-nps", 1, "-device", "cpu", "--save_probabilities")
    must_succeed(finished, *words, "-m", model_folder(finished), *workers)
    cases = json.loads((tmp_path / "out" / "predict_domains.json").read_text())["cases"]
    assert (cases["foreign"]["inside"], cases["known"]["inside"]) == (False, True)
    assert b"drift_intensities" not in (tmp_path / "out" / "known.pkl").read_bytes()


@pytest.mark.long
def test_a_model_without_statistics_of_domains_predicts_in_silence(finished: Workspace, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    shutil.copytree(model_folder(finished), tmp_path / "model")
    file = tmp_path / "model" / "fold_0" / "checkpoint_final.pth"
    checkpoint = torch.load(file, map_location="cpu", weights_only=False)
    torch.save({key: value for key, value in checkpoint.items() if key != "drift"}, file)
    words = ("nnUNetv2_predict_from_modelfolder", "-i", finished.raw / "imagesTr", "-o", tmp_path / "out")
    printed = must_succeed(finished, *words, "-m", tmp_path / "model", *PREDICT[4:])
    assert "nearest domain" not in printed
    assert not (tmp_path / "out" / "predict_domains.json").exists()


@pytest.mark.long
def test_stock_nnunet_predicts_the_same_from_the_jointly_balanced_model(finished: Workspace, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    stock_model = finished.folders.results / NAME / "nnUNetTrainer__nnUNetPlans__2d"
    shutil.copytree(model_folder(finished), stock_model, dirs_exist_ok=True)
    file = stock_model / "fold_0" / "checkpoint_final.pth"
    checkpoint = torch.load(file, map_location="cpu", weights_only=False)
    assert checkpoint["drift"]["domain_statistics"]["names"] == ["A", "B"]
    torch.load(file, map_location="cpu", weights_only=True)
    torch.save({**checkpoint, "trainer_name": "nnUNetTrainer"}, file)

    entry = command(
        "nnunetv2.inference.predict_from_raw_data", "predict_entry_point",
        "-i", finished.raw / "imagesTr", "-o", tmp_path / "stock", *PREDICT,
    )  # fmt: skip
    run_oracle(*entry, env=finished.folders.environment)

    for case in CASES:
        ours = np.array(Image.open(finished.folders.raw.parent / "predictions" / f"{case}.png"))
        stock = np.array(Image.open(tmp_path / "stock" / f"{case}.png"))
        assert np.array_equal(ours, stock), case
