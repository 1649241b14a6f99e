"""The two predict commands from arguments to exit code."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nnunetv2.inference.predict_from_raw_data import predict_entry_point, predict_entry_point_modelfolder
from tests.conftest import exit_code_of
from tests.factories.models import write_model_folder
from tests.factories.plans import make_dataset_json, make_plans


@pytest.fixture(autouse=True)
def _same_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


class Run:
    """Runs a command in this process; keeps its exit code and standard error."""

    def __init__(self, model: Path, images: Path, out: Path, monkeypatch: pytest.MonkeyPatch, capsys):
        self.model, self.images, self.out = model, images, out
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *more: object, command=predict_entry_point_modelfolder, workers: str = "0") -> int:
        arguments = ["-i", self.images, "-o", self.out, "-npp", workers, "-nps", workers, "-device", "cpu"]
        if command is predict_entry_point_modelfolder:
            arguments += ["-m", self.model]
        code = exit_code_of(self._monkeypatch, command, *arguments, "-f", 0, *more)
        self.error = self._capsys.readouterr().err
        return code

    @property
    def message(self) -> str:
        """The one line of an error."""
        (line,) = [line for line in self.error.splitlines() if line.startswith("error: ")]
        assert "Traceback" not in self.error
        return line

    @property
    def written(self) -> list[str]:
        return sorted(path.name for path in self.out.glob("*.png"))


@pytest.fixture
def run(rgb_model: Path, rgb_images: Path, tmp_path: Path, monkeypatch, capsys) -> Run:
    return Run(rgb_model, rgb_images, tmp_path / "out", monkeypatch, capsys)


def test_a_folder_is_predicted(run: Run) -> None:
    assert run() == 0
    assert run.written == ["a.png", "b.png", "c.png"]


def test_the_memory_is_stated_before_the_work_and_a_wrong_budget_is_refused(run: Run, monkeypatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr("sys.stdout.write", lambda text: shown.append(text))
    assert run() == 0
    assert shown[0].startswith("Memory: about 0.5 GB of ")
    monkeypatch.setenv("nnUNet_memory_budget", "lots")
    assert run() == 2
    assert run.message.startswith("error: nnUNet_memory_budget is 'lots', expected")


def test_the_folder_of_images_is_listed_once_and_folders_of_results_are_made_once(
    run: Run, count_listings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []
    make = Path.mkdir
    monkeypatch.setattr(Path, "mkdir", lambda path, *a, **k: (made.append(path), make(path, *a, **k))[1])
    assert run() == 0
    assert count_listings(run.images) == 1
    assert made.count(run.out) == 1


def test_worker_processes_and_the_fast_settings_give_segmentations_too(run: Run) -> None:
    assert run("--disable_tta", "-step_size", "1", "--save_probabilities", "--disable_progress_bar", workers="1") == 0
    assert run.written == ["a.png", "b.png", "c.png"]
    assert len(list(run.out.glob("*.npz"))) == 3


def test_the_model_is_found_by_dataset_trainer_plans_and_configuration(run: Run, nnunet_folders) -> None:
    target = nnunet_folders.results / "Dataset901_Tiny" / "nnUNetTrainer__nnUNetPlans__2d"
    target.parent.mkdir()
    run.model.rename(target)
    assert run("-d", 901, "-c", "2d", "-num_parts", 2, "-part_id", 1, command=predict_entry_point) == 0
    assert run.written == ["b.png"]


def test_an_unset_results_folder_is_a_one_line_error(run: Run) -> None:
    assert run("-d", "Dataset901_Tiny", "-c", "2d", command=predict_entry_point) == 2
    assert "nnUNet_results" in run.message


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_broken_image_is_named_after_the_others_are_written(run: Run, workers: str) -> None:
    (run.images / "b_0000.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    assert run(workers=workers) == 2
    assert "b_0000.png" in run.message
    assert run.written == ["a.png", "c.png"]


def test_missing_folds_are_a_one_line_error(run: Run) -> None:
    assert run("-f", 0, 7) == 2
    assert "fold_7/checkpoint_final.pth not found" in run.message


def test_a_missing_model_is_a_one_line_error(run: Run) -> None:
    run.model = run.model.parent / "absent"
    assert run() == 2
    assert "model folder not found" in run.message


def test_a_checkpoint_of_another_network_is_a_one_line_error(run: Run) -> None:
    plans = make_plans([8, 8, 8], [1.0] * 3, ".png", 3)
    other = write_model_folder(run.model.parent / "other", plans, make_dataset_json(".png", 3))
    (other / "fold_0" / "checkpoint_final.pth").replace(run.model / "fold_0" / "checkpoint_final.pth")
    assert run() == 2
    assert "3d_fullres" in run.message or "do not match the network" in run.message


def test_a_trainer_that_does_not_exist_is_a_one_line_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from nnunetv2.inference import predict_from_raw_data
    from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name

    monkeypatch.setattr(
        predict_from_raw_data, "recursive_find_trainer_class_by_name", recursive_find_trainer_class_by_name
    )
    file = run.model / "fold_0" / "checkpoint_final.pth"
    torch.save({**torch.load(file, weights_only=True), "trainer_name": "TrainerOfSomebody"}, file)
    assert run() == 2
    assert "TrainerOfSomebody" in run.message
    assert "nnUNet_extTrainer" in run.message


def test_a_file_instead_of_the_output_folder_is_a_one_line_error(run: Run) -> None:
    run.out.write_text("a file")
    assert run() == 2
    assert str(run.out) in run.message


def test_an_output_folder_below_a_file_is_a_one_line_error(run: Run) -> None:
    run.out.write_text("a file")
    run.out = run.out / "below"
    assert run() == 2
    assert str(run.out) in run.message


def test_a_folder_without_images_is_a_one_line_error(run: Run) -> None:
    for file in run.images.iterdir():
        file.rename(file.with_suffix(".jpg"))
    assert run() == 2
    assert "no images" in run.message


def test_a_part_that_does_not_exist_is_a_one_line_error(run: Run) -> None:
    assert run("-d", "Dataset901_Tiny", "-c", "2d", "-num_parts", 2, "-part_id", 2, command=predict_entry_point) == 2


def test_cuda_without_a_cuda_device_is_a_one_line_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert run("-device", "cuda") == 2
    assert "-device cpu" in run.message


def test_a_finished_prediction_can_be_continued(run: Run) -> None:
    assert run() == 0
    (run.out / "b.png").unlink()
    Image.fromarray(np.full((40, 50), 7, np.uint8)).save(run.out / "a.png")
    finished_before = (run.out / "a.png").read_bytes()
    (run.out / "c.png").write_bytes(finished_before[:-30])
    assert run("--continue_prediction") == 0
    assert "c.png is damaged; its case is predicted again" in run.error
    assert (run.out / "a.png").read_bytes() == finished_before
    assert run.written == ["a.png", "b.png", "c.png"]
    assert run("--continue_prediction") == 0


def test_a_replaced_predictor_is_used(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from nnunetv2.inference import predict_from_raw_data

    class Counting(predict_from_raw_data.nnUNetPredictor):
        built = 0

        def __init__(self, *arguments, **settings):
            type(self).built += 1
            super().__init__(*arguments, **settings)

    monkeypatch.setattr(predict_from_raw_data, "nnUNetPredictor", Counting)
    assert run() == 0
    assert Counting.built == 1


@pytest.mark.slow
def test_a_picture_of_5000_by_5000_pixels_is_predicted(run: Run) -> None:
    for file in run.images.iterdir():
        file.unlink()
    picture = np.random.default_rng(0).integers(0, 256, (5000, 5000, 3), dtype=np.uint8)
    Image.fromarray(picture).save(run.images / "large_0000.png", compress_level=1)
    write_model_folder(run.model, make_plans([512, 512], [1.0, 1.0], ".png", 3), make_dataset_json(".png", 3))
    assert run("-step_size", 1, "--disable_tta") == 0
    with Image.open(run.out / "large.png") as segmentation:
        assert segmentation.size == (5000, 5000)


def test_results_do_not_go_into_the_folder_of_the_images(run: Run) -> None:
    before = sorted(run.images.iterdir())
    run.out = run.images / ".." / run.images.name

    assert run() == 2
    assert "is the folder of the images" in run.message
    assert sorted(run.images.iterdir()) == before


@pytest.mark.parametrize("command", [predict_entry_point_modelfolder, predict_entry_point])
def test_results_do_not_replace_annotations(run: Run, tmp_path: Path, nnunet_folders, command) -> None:
    run.model.rename((nnunet_folders.results / "Dataset901_Tiny").mkdir() or tmp_path / "moved")
    run.model = (tmp_path / "moved").rename(nnunet_folders.results / "Dataset901_Tiny/nnUNetTrainer__nnUNetPlans__2d")
    annotation = tmp_path / "Dataset001_T/labelsTr/a.png"
    annotation.parent.mkdir(parents=True)
    annotation.write_bytes(b"drawn by hand")
    run.out = annotation.parent

    assert run(*(("-d", 901, "-c", "2d") if command is predict_entry_point else ()), command=command) == 2
    assert "Dataset001_T/labelsTr" in run.message
    assert annotation.read_bytes() == b"drawn by hand"
    assert len(list(run.out.iterdir())) == 1


def test_results_do_not_replace_files_of_a_folder_without_results(run: Run) -> None:
    assert run() == 0
    assert run() == 0
    file, *_ = sorted(run.out.glob("*.png"))
    for record in run.out.glob("*.json"):
        record.unlink()
    file.write_bytes(b"drawn by hand")

    assert run() == 2
    assert f"holds {len(list(run.out.iterdir()))} file(s) with names of results ({file.name})" in run.message
    assert file.read_bytes() == b"drawn by hand"
    assert not list(run.out.glob("*.json"))
    file.unlink()
    assert run("--continue_prediction") == 0


def test_results_do_not_go_into_the_model(run: Run) -> None:
    run.out = run.model

    assert run() == 2
    assert "is the folder of the model" in run.message
