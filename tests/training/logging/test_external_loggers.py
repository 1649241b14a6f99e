"""Loggers on request, and what becomes of a training when one fails."""

import sys
import threading
from pathlib import Path
from time import monotonic
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from nnunetv2.errors import SettingsError
from nnunetv2.training.logging import logger_thread
from nnunetv2.training.logging.external_loggers import FailureGuard, requested_names, start_logger
from nnunetv2.training.logging.mlflow_logger import RUN_FILE, MlflowLogger, metric_name
from nnunetv2.training.logging.nnunet_logger import MetaLogger
from nnunetv2.training.logging.plain_names import plain_name
from nnunetv2.training.logging.tensorboard_logger import TensorBoardLogger
from nnunetv2.training.logging.training_curves import DomainCurves, show_curves


class Unreliable:
    def __init__(self) -> None:
        self.asked: list[int] = []
        self.fails = True

    def log(self, key: str, value: Any, step: int) -> None:
        self.asked.append(step)
        if self.fails:
            raise OSError("disk\nfull")


@pytest.mark.parametrize(
    ("setting", "names"), [("", []), (" TensorBoard, mlflow,,mlflow", ["tensorboard", "mlflow"]), ("wandb", ["wandb"])]
)
def test_the_variable_lists_loggers(monkeypatch: pytest.MonkeyPatch, setting: str, names: list[str]) -> None:
    monkeypatch.setenv("DRIFT_LOGGERS", setting)
    assert requested_names() == names


def test_an_unknown_logger_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DRIFT_LOGGERS", "tensorbord")
    with pytest.raises(SettingsError, match="tensorbord, expected some of tensorboard, mlflow, wandb"):
        MetaLogger(tmp_path, resume=False)


@pytest.mark.parametrize(("name", "module"), [("tensorboard", "torch.utils.tensorboard"), ("mlflow", "mlflow")])
def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setenv("DRIFT_LOGGERS", name)
    with pytest.raises(SettingsError, match=f"pip install {name}"):
        MetaLogger(tmp_path, resume=False)


def test_a_logger_that_cannot_start_says_so_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = ModuleType("mlflow")
    monkeypatch.setitem(sys.modules, "mlflow", module)  # has none of what is needed
    with pytest.raises(SettingsError, match="the logger mlflow could not start: AttributeError: "):
        start_logger("mlflow", tmp_path, resume=False)


def test_a_failing_logger_costs_one_warning_and_is_given_up_after_three_epochs() -> None:
    warnings: list[str] = []
    guard, logger = FailureGuard(warnings.append), Unreliable()
    for epoch in range(6):
        for _ in range(4):
            guard.each([logger], lambda each, step=epoch: each.log("lrs", 1.0, step), epoch)
    assert logger.asked == [0, 1, 2]
    assert len(warnings) == 1
    assert "the logger Unreliable failed: OSError: disk full; the training goes on" in warnings[0]


def test_a_logger_that_works_again_is_used_again() -> None:
    warnings: list[str] = []
    guard, logger = FailureGuard(warnings.append), Unreliable()
    for epoch in range(12):
        logger.fails = epoch % 3 != 2
        guard.each([logger], lambda each, step=epoch: each.log("lrs", 1.0, step), epoch)
    assert logger.asked == list(range(12))
    assert len(warnings) == 1


class Hanging:
    """Answers when it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.heard: list[Any] = []

    def log(self, key: str, value: Any, step: int) -> None:
        self.go.wait()
        self.heard.append((key, step))


def test_a_logger_that_hangs_holds_up_neither_the_training_nor_other_loggers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(logger_thread, "SECONDS_TO_WAIT_IN_AN_EPOCH", 0.02)
    monkeypatch.setattr(logger_thread, "MOST_CALLS_WAITING", 8)
    warnings: list[str] = []
    guard, hanging, other = FailureGuard(warnings.append), Hanging(), Unreliable()
    other.fails = False
    start = monotonic()
    for epoch in range(5):
        for key in "abcd":
            guard.each([hanging, other], lambda each, k=key, step=epoch: each.log(k, 1.0, step), epoch)
    guard.wait(0.01)

    assert monotonic() - start < 5
    assert other.asked == [epoch for epoch in range(5) for _ in "abcd"]
    assert [line.partition("; ")[0] for line in warnings] == [
        "WARNING: the logger Hanging has not answered for some time",
        "WARNING: the last values are missing in: Hanging, which did not answer for 0 s",
    ]
    hanging.go.set()
    guard.wait(10)
    assert hanging.heard == [(key, epoch) for epoch in range(3) for key in "abcd"][:9], "in order; no more than 8 wait"


def test_loggers_that_take_the_place_of_others_begin_anew() -> None:
    warnings: list[str] = []
    guard = FailureGuard(warnings.append)
    for _ in range(5):  # may all have the same id, as each is gone when the next one is made
        guard.each([Unreliable()], lambda each: each.log("lrs", 1.0, 0), 0)
    assert len(warnings) == 5


def test_the_other_loggers_and_the_local_lists_get_their_values(tmp_path: Path) -> None:
    logger, heard = MetaLogger(tmp_path, resume=False), []
    listener = SimpleNamespace(log=lambda *entry: heard.append(entry))
    logger.loggers += [Unreliable(), listener]  # type: ignore[list-item]
    logger.log("lrs", 0.5, 0)
    assert heard == [("lrs", 0.5, 0)]
    assert logger.get_value("lrs", None) == [0.5]


def test_domains_have_plain_names(tmp_path: Path) -> None:
    logger, heard = MetaLogger(tmp_path, resume=False), {}
    logger.loggers.append(SimpleNamespace(log=lambda key, value, step: heard.update({key: value})))  # type: ignore[arg-type]
    curves = DomainCurves()
    curves.add_validation(0, {"north": [0.5], "south": [0.25]}, {"north": 0.5, "south": 0.5}, ("north", "south"))
    curves.add_edge_loss(0, 2.0)
    for group in ("dice", "losses"):
        show_curves(logger, curves, group, 0)
    assert heard == {
        "val/dice/north": 0.5,
        "val/dice/south": 0.25,
        "val/balanced_dice": 0.375,
        "val/worst_domain_dice": 0.25,
        "train/edge_loss": 2.0,
    }


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("train_losses", "train/loss"),
        ("dice_per_class_or_region/class_2", "val/dice_of_class/2"),
        ("val/dice/north", "val/dice/north"),
    ],
)
def test_keys_of_nnunet_have_plain_names(key: str, name: str) -> None:
    assert plain_name(key) == name


@pytest.mark.parametrize(
    ("key", "name"),
    [("val/dice/a+b", "val/dice/a_2b_b"), ("val/dice/../x", "val/dice/_2e__2e_/x"), ("a//b.c", "a/b.c")],
)
def test_names_fit_mlflow(key: str, name: str) -> None:
    assert metric_name(key) == name


class FakeClient:
    runs: list[str]
    logged: list[tuple[Any, ...]]

    def get_experiment_by_name(self, name: str) -> None:
        return None

    def create_experiment(self, name: str) -> str:
        return name

    def create_run(self, experiment: str, run_name: str) -> Any:
        self.runs.append(f"{len(self.runs):032x}")
        return SimpleNamespace(info=SimpleNamespace(run_id=self.runs[-1]))

    def update_run(self, run: str, status: str) -> None:
        if run not in self.runs:
            raise KeyError(run)

    def log_metric(self, run: str, name: str, value: float, step: int | None = None) -> None:
        self.logged.append((run, name, value, step))


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> type[FakeClient]:
    module = ModuleType("mlflow")
    module.tracking = SimpleNamespace(MlflowClient=FakeClient)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mlflow", module)
    FakeClient.runs, FakeClient.logged = [], []
    return FakeClient


def test_a_resumed_training_goes_on_with_its_mlflow_run(client: type[FakeClient], tmp_path: Path) -> None:
    first = MlflowLogger(tmp_path, resume=False)
    first.log("train_losses", 1.0, 0)
    again = MlflowLogger(tmp_path, resume=True)
    again.log("train_losses", 0.5, 1)
    assert client.logged == [(first.run_id, "train/loss", 1.0, 0), (first.run_id, "train/loss", 0.5, 1)]
    assert MlflowLogger(tmp_path, resume=False).run_id != first.run_id


@pytest.mark.parametrize("content", ["", "../../etc", "f" * 32])
def test_a_run_that_is_not_known_is_replaced(client: type[FakeClient], tmp_path: Path, content: str) -> None:
    (tmp_path / RUN_FILE).write_text(content)
    assert MlflowLogger(tmp_path, resume=True).run_id == client.runs[0]


def test_tensorboard_goes_on_from_the_first_epoch_of_a_resumed_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: list[dict[str, Any]] = []
    written: list[tuple[Any, ...]] = []

    def writer(**options: Any) -> Any:
        made.append(options)
        texts = SimpleNamespace(add_text=lambda *_: None, flush=lambda: None)
        texts.add_scalar = lambda *entry: written.append(entry)
        return texts

    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    logger = TensorBoardLogger(tmp_path, resume=True)
    logger.update_config({"fold": 0})
    logger.log("lrs", 0.5, 7)
    logger.log_summary("final_val/foreground_dice", 0.75)
    assert made == [{"log_dir": str(tmp_path / "tensorboard"), "purge_step": 7}]
    assert written == [("train/learning_rate", 0.5, 7), ("final_val/foreground_dice", 0.75, 7)]


def test_tensorboard_itself_reads_a_resumed_run(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs the extra 'loggers'")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for resume, epochs in ((False, (0, 1, 2)), (True, (1, 2, 3))):
        logger = TensorBoardLogger(tmp_path, resume)
        for epoch in epochs:
            logger.log("train_losses", epoch + 10 * resume, epoch)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload().Scalars("train/loss")
    assert [(event.step, event.value) for event in events] == [(0, 0), (1, 11), (2, 12), (3, 13)]


def test_mlflow_itself_takes_a_resumed_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow", reason="needs the extra 'loggers'")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "runs").as_uri())
    for resume in (False, True):
        logger = MlflowLogger(tmp_path, resume)
        logger.update_config({"fold": 0, "plans": {"a": "b" * 600}})
        logger.log("val/dice/a+b", float(resume), int(resume))
    history = mlflow.tracking.MlflowClient().get_metric_history(logger.run_id, "val/dice/a_2b_b")
    assert [(point.step, point.value) for point in history] == [(0, 0.0), (1, 1.0)]
