"""`drift doctor -d`: what would limit a training, measured in about half a minute without one."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from nnunetv2.run.training_run import get_trainer_from_args
from nnunetv2.training.dataloading.loader_factory import end_loader
from nnunetv2.training.limits.advice import Measured, in_one_line
from nnunetv2.training.limits.pace import Pace
from nnunetv2.training.logging.nnunet_logger import MetaLogger
from nnunetv2.training.nnUNetTrainer.base.replaceable import trainer_module

SECONDS_OF_A_PART = 7.0


class _NoExternalLoggers(MetaLogger):
    def _start_loggers(self) -> None:
        pass


def training_speed(
    dataset: str, configuration: str, fold: str, trainer_name: str, plans: str, device: torch.device
) -> Iterator[str]:
    """Measure loading alone, steps alone and both together; yield a line each, the last with the setting to change.

    Nothing is written to nnUNet_results. Like a training, it makes splits_final.json if there is none.
    """
    with _unsaved_trainer(dataset, configuration, fold, trainer_name, plans, device) as trainer:
        batch = next(trainer.dataloader_train)
        loading = _seconds_each(lambda: next(trainer.dataloader_train))
        yield f"data alone: {loading:.3f} s a batch"
        trainer.train_step(dict(batch))  # the first one allocates and compiles
        step = _seconds_each(lambda: trainer.train_step(dict(batch)))
        yield f"step alone: {step:.3f} s a batch, the data alone take {loading / step:.2f} times as long"
        yield in_one_line(_together(trainer))


@contextmanager
def _replaced(module: Any, **values: Any) -> Iterator[None]:
    before = {name: getattr(module, name) for name in values}
    try:
        for name, value in values.items():
            setattr(module, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(module, name, value)


@contextmanager
def _unsaved_trainer(
    dataset: str, configuration: str, fold: str, trainer_name: str, plans: str, device: torch.device
) -> Iterator[Any]:
    """Yield a trainer that is ready for its first step, and whose folder is a temporary one."""
    names = trainer_module()
    results = names.nnUNet_results
    with tempfile.TemporaryDirectory(prefix="drift_doctor_") as folder:
        with _replaced(names, nnUNet_results=folder, MetaLogger=_NoExternalLoggers):
            trainer: Any = get_trainer_from_args(dataset, configuration, fold, trainer_name, plans, False, device)
        previous = trainer.folder_with_segs_from_previous_stage
        if previous is not None and results:
            trainer.folder_with_segs_from_previous_stage = os.path.join(
                os.fspath(results), os.path.relpath(previous, folder)
            )
        trainer.print_to_log_file = trainer.plot_network_architecture = lambda *_, **__: None
        try:
            trainer.on_train_start()
            trainer.on_train_epoch_start()
            yield trainer
        finally:
            end_loader(trainer.dataloader_train)
            end_loader(trainer.dataloader_val)


def _together(trainer: Any) -> Measured:
    """Return what limits loading and steps together, from when the batches are used up that wait already."""
    for _ in range(getattr(trainer.dataloader_train, "num_cached", 0)):
        next(trainer.dataloader_train)
    pace = Pace(trainer.dataloader_train, trainer.device)
    trainer.train_step(pace.next_batch())
    _seconds_each(lambda: trainer.train_step(pace.next_batch()))
    measured = pace.measured(type(trainer))
    assert measured is not None
    return measured


def _seconds_each(call: Callable[[], Any]) -> float:
    """Call for SECONDS_OF_A_PART, at least once; return the mean seconds of a call."""
    start, calls = time.perf_counter(), 0
    while not calls or time.perf_counter() - start < SECONDS_OF_A_PART:
        call()
        calls += 1
    return (time.perf_counter() - start) / calls
