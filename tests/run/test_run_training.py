"""nnUNetv2_train: flags, bad input as one line, interruption."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from nnunetv2.errors import (
    ArgumentError,
    CheckpointError,
    CheckpointMismatchError,
    DamagedCheckpointError,
    MissingFileError,
    SettingsError,
)
from nnunetv2.foundation.stop_signals import Stopped, signals_watched
from nnunetv2.run import run_training as command
from nnunetv2.run.training_run import (
    find_free_network_port,
    get_trainer_from_args,
    maybe_load_checkpoint,
    run_training,
)
from nnunetv2.training.logging.nnunet_logger import MetaLogger
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from tests.conftest import NnunetFolders, exit_code_of
from tests.training.tiny_dataset import CPU, DATASET, TinyDataset, TinyTrainer, make_trainer, write_preprocessed

SINGLE = TinyDataset()
EXTERNAL = """
import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

class ShortTrainer(nnUNetTrainer):
    def __init__(self, plans, configuration, fold, dataset_json, device=torch.device("cuda")):
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs, self.num_iterations_per_epoch, self.num_val_iterations_per_epoch = EPOCHS, 1, 1
        self.save_every = 1
"""


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("nnUNet_n_proc_DA", "0")
    monkeypatch.setattr(MetaLogger, "plot_progress_png", lambda *_: None)


@pytest.fixture
def short_trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "trainers"
    folder.mkdir()
    (folder / "short.py").write_text(EXTERNAL.replace("EPOCHS", "2"))
    monkeypatch.setenv("nnUNet_extTrainer", str(folder))


def enter(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run the command in this process; return its exit code and stderr."""
    threads, handler = torch.get_num_threads(), signal.getsignal(signal.SIGTERM)
    try:
        code = exit_code_of(monkeypatch, command.run_training_entry, *arguments)
    finally:
        torch.set_num_threads(threads)
        signal.signal(signal.SIGTERM, handler)
    return code, capsys.readouterr().err


# flags


def test_flags_have_the_defaults_of_nnunet() -> None:
    assert vars(command._parser().parse_args(["110", "2d", "0"])) == {
        "dataset_name_or_id": "110",
        "configuration": "2d",
        "fold": "0",
        "tr": "nnUNetTrainer",
        "p": "nnUNetPlans",
        "pretrained_weights": None,
        "num_gpus": 1,
        "npz": False,
        "c": False,
        "val": False,
        "val_best": False,
        "disable_checkpointing": False,
        "device": "cuda",
    }


@pytest.mark.parametrize("dashes", ["-", "--"])
def test_options_with_a_value_are_taken_with_one_dash_or_two(dashes: str) -> None:
    words = {"tr": "T", "p": "P", "pretrained_weights": "W", "num_gpus": "2", "device": "cpu"}
    arguments = [word for name, value in words.items() for word in (f"{dashes}{name}", value)]

    parsed = vars(command._parser().parse_args(["1", "2d", "all", *arguments, "--c", "--npz"]))

    assert {name: str(parsed[name]) for name in words} == words
    assert (parsed["c"], parsed["npz"], parsed["val"]) == (True, True, False)


def test_help_needs_no_torch() -> None:
    script = "import sys; from nnunetv2.run.run_training import _parser; _parser(); sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_everything_that_clients_import_exists() -> None:
    for name in (
        *("run_training_entry", "run_training", "get_trainer_from_args", "maybe_load_checkpoint", "run_ddp"),
        *("setup_ddp", "cleanup_ddp", "find_free_network_port", "join"),
    ):
        assert callable(getattr(command, name))
    with pytest.raises(AttributeError, match="nothing_like_this"):
        _ = command.nothing_like_this


# training by the command


def test_the_command_trains_validates_and_continues(
    nnunet_folders: NnunetFolders,
    short_trainer: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    options = ("901", "2d", "0", "-tr", "ShortTrainer", "--device", "cpu")
    fold = nnunet_folders.results / DATASET / "ShortTrainer__nnUNetPlans__2d" / "fold_0"

    assert enter(monkeypatch, capsys, *options)[0] == 0
    assert (fold / "validation" / "summary.json").is_file()
    (fold / "validation" / "summary.json").unlink()

    assert enter(monkeypatch, capsys, *options, "--val", "--npz")[0] == 0
    assert (fold / "validation" / "case_000.npz").is_file()

    (fold / "checkpoint_final.pth").unlink()
    assert "2d 0 -tr ShortTrainer --val --val_best`" in enter(monkeypatch, capsys, *options, "--val")[1]
    (fold / "validation" / "summary.json").unlink()
    assert enter(monkeypatch, capsys, *options, "--val", "--val_best")[0] == 0
    assert (fold / "validation" / "summary.json").is_file()
    assert enter(monkeypatch, capsys, *options, "--c", "--val_best")[0] == 0
    assert torch.load(fold / "checkpoint_final.pth", weights_only=True)["current_epoch"] == 2


# bad input


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["901", "2d", "-1"], "fold is '-1', expected a number from 0 on, or 'all'"),
        (["901", "2d", "one"], "fold is 'one'"),
        (["901", "2d", "0", "-device", "tpu"], "-device tpu: expected one of cpu, cuda, mps"),
        (["901", "2d", "0", "-num_gpus", "2"], "-num_gpus 2 needs -device cuda"),
        (["901", "2d", "0", "--c", "--val"], "--c continues a training"),
        (["901", "2d", "0", "--val_best", "--disable_checkpointing"], "--val_best needs checkpoint_best"),
        (["901", "3d_fullres", "0"], "3d_fullres"),
        (["901", "2d", "0", "-p", "OtherPlans"], "OtherPlans.json not found: the dataset was not planned"),
        (["901", "2d", "0", "-tr", "NoTrainer"], "NoTrainer"),
        (["123", "2d", "0"], "123"),
    ],
)
def test_bad_arguments_are_one_line_and_leave_nothing(
    nnunet_folders: NnunetFolders,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    expected: str,
) -> None:
    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    device = [] if "-device" in arguments else ["-device", "cpu"]

    code, errors = enter(monkeypatch, capsys, *arguments, *device)

    assert code == 2
    assert errors.startswith("error: ")
    assert expected in errors
    assert errors.count("\n") == 1
    assert list(nnunet_folders.results.iterdir()) == []


def test_a_machine_without_cuda_is_told_to_use_the_cpu(
    nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    with pytest.raises(SettingsError, match="-device cpu"):
        run_training(901, "2d", 0)
    assert list(nnunet_folders.results.iterdir()) == []


def test_a_dataset_that_was_planned_but_not_preprocessed_is_refused(nnunet_folders: NnunetFolders) -> None:
    folder = write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    (folder / "tiny").rename(folder / "elsewhere")

    with pytest.raises(MissingFileError, match="tiny: the data set was not preprocessed for this configuration"):
        run_training(901, "2d", 0, device=CPU)
    assert list(nnunet_folders.results.iterdir()) == []


def test_a_trainer_that_starts_in_its_own_way_may_make_what_it_needs(
    nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    class MakesItsData(TinyTrainer):
        def initialize(self) -> None:
            raise NotImplementedError("is reached")

    folder = write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    (folder / "tiny").rename(folder / "elsewhere")
    monkeypatch.setattr("nnunetv2.run.run_training.recursive_find_trainer_class_by_name", lambda _: MakesItsData)

    with pytest.raises(NotImplementedError, match="is reached"):
        run_training(901, "2d", 0, device=CPU)


def test_a_results_folder_that_cannot_be_written_is_one_line(
    nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    (nnunet_folders.results / "taken").write_text("")
    monkeypatch.setenv("nnUNet_results", str(nnunet_folders.results / "taken"))

    code, errors = enter(monkeypatch, capsys, "901", "2d", "0", "-device", "cpu")

    assert code == 2
    assert "taken" in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize("variable", ["nnUNet_preprocessed", "nnUNet_results"])
def test_an_unset_folder_is_one_line(
    nnunet_folders: NnunetFolders,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variable: str,
) -> None:
    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    monkeypatch.delenv(variable)

    code, errors = enter(monkeypatch, capsys, DATASET, "2d", "0", "-device", "cpu")

    assert code == 2
    assert f"{variable} is not" in errors


def test_a_start_that_fails_leaves_no_folder(
    nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    (folder / "domains.json").write_text('{"domains": {"a": ["case_000"], "b": ["no_such_case"]}}')
    options = (DATASET, "2d", "0", "-device", "cpu")

    code, errors = enter(monkeypatch, capsys, *options)
    assert code == 2
    assert "no_such_case" in errors
    assert list(nnunet_folders.results.iterdir()) == []

    fold = nnunet_folders.results / DATASET / "nnUNetTrainer__nnUNetPlans__2d" / "fold_0"
    fold.mkdir(parents=True)
    (fold / "notes.txt").write_text("mine")
    assert enter(monkeypatch, capsys, *options)[0] == 2
    assert len(list(fold.glob("training_log_*.txt"))) == 1
    assert (fold / "notes.txt").is_file()


def test_error_classes_are_those_that_callers_catch() -> None:
    assert issubclass(ArgumentError, AssertionError)


# loading


def test_continuing_takes_the_first_of_final_latest_and_best(nnunet_folders: NnunetFolders) -> None:
    trainer: Any = make_trainer(SINGLE)
    loaded: list[str] = []
    trainer.load_checkpoint = lambda file: loaded.append(Path(file).stem.removeprefix("checkpoint_"))

    maybe_load_checkpoint(trainer, True, False)
    assert loaded == []
    assert "a new training starts" in Path(trainer.log_file).read_text()
    for name in ("best", "latest", "final"):
        (Path(trainer.output_folder) / f"checkpoint_{name}.pth").write_text("")
        maybe_load_checkpoint(trainer, True, False)
    assert loaded == ["best", "latest", "final"]


class Stoppable(TinyTrainer):
    """Four epochs; a signal comes in the second step of epoch `signalled`, a stop file before epoch `stopped` ends."""

    signalled, stopped = -1, -1

    def __init__(self, plans, configuration, fold, dataset_json, device=CPU):
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs = 4

    def train_step(self, batch):
        if (self.current_epoch, self._so_far.steps) == (self.signalled, 1):
            signal.raise_signal(signal.SIGTERM)
        if self.current_epoch == self.stopped:
            (Path(self.output_folder) / "stop").touch()
        return super().train_step(batch)


def train_until(signalled: int = -1, stopped: int = -1, goes_on: bool = False) -> tuple[int, set[str]]:
    """Train as `nnUNetv2_train` (with --c) does; return the epoch that it began with and the checkpoints it left."""
    trainer = make_trainer(SINGLE, trainer_class=Stoppable)
    trainer.signalled, trainer.stopped = signalled, stopped
    maybe_load_checkpoint(trainer, goes_on, False)
    start = trainer.current_epoch
    with suppress(Stopped), signals_watched():
        trainer.run_training()
    found = Path(trainer.output_folder).glob("checkpoint_*.pth")
    return start, {file.stem.removeprefix("checkpoint_") for file in found}


def test_a_training_goes_on_after_a_stop_file_and_a_signal_where_the_signal_came(nnunet_folders: NnunetFolders) -> None:
    write_preprocessed(SINGLE, nnunet_folders.preprocessed)

    assert train_until(stopped=0) == (0, {"best", "final"})
    assert train_until(signalled=2, goes_on=True) == (1, {"best", "latest", "final_earlier"})
    assert train_until(stopped=2, goes_on=True) == (2, {"best", "final"})
    assert train_until(goes_on=True) == (3, {"best", "final"})


def test_a_repeated_training_goes_on_from_its_own_checkpoint(nnunet_folders: NnunetFolders) -> None:
    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    train_until()

    assert train_until(signalled=1) == (0, {"best", "latest", "final_earlier"})
    assert train_until(goes_on=True) == (1, {"best", "final"})


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def test_continuing_passes_over_a_damaged_checkpoint_and_says_so(nnunet_folders: NnunetFolders) -> None:
    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    trainer = make_trainer(SINGLE)
    trainer.initialize()
    folder = Path(trainer.output_folder)
    for trainer.current_epoch, name in enumerate(("best", "latest", "final"), start=10):
        trainer.save_checkpoint(folder / f"checkpoint_{name}.pth")
    reached = []
    for name in ("final", "latest"):
        cut_off(folder / f"checkpoint_{name}.pth")
        again = make_trainer(SINGLE)
        maybe_load_checkpoint(again, True, False)
        reached.append(again.current_epoch)

    assert reached == [12, 11]
    log = Path(again.log_file).read_text()
    assert "checkpoint_latest.pth: not a readable checkpoint" in log
    assert f"The training goes on with epoch 11 from {folder / 'checkpoint_best.pth'}" in log
    cut_off(folder / "checkpoint_best.pth")
    with pytest.raises(DamagedCheckpointError, match=r"checkpoint_final\.pth"):
        maybe_load_checkpoint(make_trainer(SINGLE), True, False)


def test_a_checkpoint_of_another_network_is_not_passed_over(nnunet_folders: NnunetFolders) -> None:
    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    trainer = make_trainer(SINGLE)
    trainer.initialize()
    trainer.save_checkpoint(Path(trainer.output_folder) / "checkpoint_best.pth")
    content = torch.load(Path(trainer.output_folder) / "checkpoint_best.pth", weights_only=True)
    content["network_weights"].popitem()
    torch.save(content, Path(trainer.output_folder) / "checkpoint_latest.pth")
    with pytest.raises(CheckpointMismatchError):
        maybe_load_checkpoint(make_trainer(SINGLE), True, False)


def test_validation_needs_a_final_checkpoint(nnunet_folders: NnunetFolders) -> None:
    with pytest.raises(CheckpointError, match=r"no .*checkpoint_final\.pth"):
        maybe_load_checkpoint(make_trainer(SINGLE), False, True, "pretrained.pth")


def test_validation_names_the_way_to_a_checkpoint(nnunet_folders: NnunetFolders) -> None:
    trainer = make_trainer(SINGLE)
    fold = Path(trainer.output_folder)
    with pytest.raises(CheckpointError, match="fold 0 was not trained: `nnUNetv2_train Dataset901_Tiny 2d 0 "):
        maybe_load_checkpoint(trainer, False, True)
    (fold / "checkpoint_latest.pth").touch()
    with pytest.raises(CheckpointError, match=r"continue it with `nnUNetv2_train .* --c`$"):
        maybe_load_checkpoint(trainer, False, True, val_with_best=True)
    (fold / "checkpoint_best.pth").touch()
    with pytest.raises(CheckpointError, match=r"--c`; or validate .* --val --val_best`$"):
        maybe_load_checkpoint(trainer, False, True)
    (fold / "checkpoint_best.pth").rename(fold / "checkpoint_final.pth")
    with pytest.raises(CheckpointError, match=r"validate the final checkpoint with .* --val`$"):
        maybe_load_checkpoint(trainer, False, True, val_with_best=True)


def test_a_training_does_not_start_from_a_checkpoint_that_it_would_replace(nnunet_folders: NnunetFolders) -> None:
    trainer = make_trainer(SINGLE)
    link = nnunet_folders.raw / "link"
    link.symlink_to(trainer.output_folder)

    with pytest.raises(SettingsError, match="continue it with --c, or copy the file"):
        maybe_load_checkpoint(trainer, False, False, str(link / "checkpoint_best.pth"))


def test_continuing_and_pretrained_weights_exclude_each_other(nnunet_folders: NnunetFolders) -> None:
    with pytest.raises(RuntimeError, match="-pretrained_weights"):
        maybe_load_checkpoint(make_trainer(SINGLE), True, False, "pretrained.pth")


def test_a_trainer_is_made_from_names(nnunet_folders: NnunetFolders) -> None:
    write_preprocessed(SINGLE, nnunet_folders.preprocessed)

    trainer = get_trainer_from_args(901, "2d", 0, device=CPU, use_compressed=False)
    assert type(trainer) is nnUNetTrainer
    assert trainer.my_init_kwargs["plans"] == SINGLE.plans()
    assert get_trainer_from_args(DATASET, "2d", "all", "nnUNetTrainer", "nnUNetPlans", CPU).device == CPU  # type: ignore[arg-type]
    assert get_trainer_from_args("901", "2d", 0, continue_training=True, device=CPU).logger.resume is True


def test_a_free_port_is_free() -> None:
    assert 1024 <= find_free_network_port() <= 65535


# interruption


@pytest.mark.long
@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGTERM, 143),
        (signal.SIGINT, 130),
        pytest.param(signal.SIGUSR1, 138, marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_training_leaves_a_loadable_checkpoint_and_no_process(
    nnunet_folders: NnunetFolders, tmp_path: Path, number: int, code: int
) -> None:
    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    (tmp_path / "trainers").mkdir()
    (tmp_path / "trainers" / "short.py").write_text(EXTERNAL.replace("EPOCHS", "100000"))
    settings = {"nnUNet_extTrainer": str(tmp_path / "trainers"), "nnUNet_n_proc_DA": "2", "OMP_NUM_THREADS": "1"}
    arguments = ["901", "2d", "0", "-tr", "ShortTrainer", "-device", "cpu"]
    process = subprocess.Popen(
        [sys.executable, "-c", "from nnunetv2.run.run_training import run_training_entry as r; r()", *arguments],
        env={**os.environ, **nnunet_folders.environment, **settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    latest = nnunet_folders.results / DATASET / "ShortTrainer__nnUNetPlans__2d" / "fold_0" / "checkpoint_latest.pth"
    try:
        wait_until(latest.is_file, process)
        children = child_processes(process.pid)
        os.killpg(process.pid, number)  # as terminals and schedulers do
        errors = process.communicate(timeout=60)[1]
    finally:
        process.kill()

    assert process.returncode == code, errors
    assert "Traceback" not in errors
    assert len(children) >= 2
    assert not [child for child in children if is_running(child)]
    trainer = make_trainer(SINGLE, trainer_class=TinyTrainer)
    trainer.load_checkpoint(latest)
    assert trainer.current_epoch >= 1
    log = next(latest.parent.glob("training_log_*.txt")).read_text()
    assert ("continue it with --c" in log) is (number != signal.SIGINT)
    assert [file.name for file in latest.parent.iterdir() if file.name.startswith(".")] == []


def wait_until(condition: Any, process: subprocess.Popen[str], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end, "the training wrote no checkpoint in time"
        time.sleep(0.05)


def child_processes(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in listed.split()]


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_steps_that_a_client_replaces_in_the_module_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []

    def stop(*arguments: Any, **options: Any) -> None:
        asked.append((*arguments, options["device"]))

    monkeypatch.setattr("nnunetv2.run.run_training.run_training", stop)
    monkeypatch.setattr(sys, "argv", ["nnUNetv2_train", "901", "2d", "0", "-device", "cpu"])
    command.run_training_entry()
    assert asked[0][:3] == ("901", "2d", "0")
    assert asked[0][-1] == CPU


def test_a_trainer_that_a_client_puts_in_the_place_of_the_found_one_is_trained(
    nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    trainer = make_trainer(SINGLE)
    done: list[str] = []
    monkeypatch.setattr(trainer, "run_training", lambda: done.append("train"))
    monkeypatch.setattr(trainer, "perform_actual_validation", lambda *_: done.append("validate"))
    monkeypatch.setattr("nnunetv2.run.run_training.get_trainer_from_args", lambda *_: trainer)
    monkeypatch.setattr("nnunetv2.run.run_training.maybe_load_checkpoint", lambda *_: done.append("load"))
    run_training(901, "2d", 0, device=CPU)
    assert done == ["load", "train", "validate"]
