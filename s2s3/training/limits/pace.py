"""Measures an epoch's training steps while they run: waiting for data, CPUs, GPU, memory."""

import os
import time
from collections.abc import Sequence
from typing import Any

import torch

from nnunetv2.training.limits.advice import Measured
from nnunetv2.training.limits.gpu_use import GpuUse
from nnunetv2.training.limits.process_use import cpu_seconds, memory_bytes, own_cpu_seconds
from s1.cpus import usable_cpus

EPOCHS_BETWEEN_REPORTS = 10
_AUGMENTATIONS = {"nnUNetTrainerGPUAugmentation": "device", "nnUNetTrainerFastDA": "fast", "TrainingData": "default"}


class Pace:
    """The times of training steps from the second one on; the first starts processes and compiles.

    Parameters:
        loader: iterator over training batches.
        device: where the network computes.
    """

    def __init__(self, loader: Any, device: torch.device):
        self.waited_s = 0.0
        self._loader = loader
        self._device = device
        self._gpu = GpuUse(device)
        self._steps = 0
        self._start: tuple[float, float, list[float | None]] | None = None

    def next_batch(self) -> Any:
        """Return the next batch, and count the time until it is there. The step before it is over by then."""
        if self._steps == 1:
            self._start = (time.perf_counter(), own_cpu_seconds(), self._worker_seconds())
        self._steps += 1
        before = time.perf_counter()
        batch = next(self._loader)
        if self._start is not None:
            self.waited_s += time.perf_counter() - before
            self._gpu.sample()
        return batch

    @property
    def seconds(self) -> float:
        """Seconds since the end of the first step."""
        return 0.0 if self._start is None else time.perf_counter() - self._start[0]

    def measured(self, trainer_class: type) -> Measured | None:
        """Return what was measured until now; None before the end of the second step."""
        if self._start is None or not self.seconds:
            return None
        cpu, per_worker = self._cpu_shares()
        gpu_memory, gpu_memory_share = self._gpu.memory()
        return Measured(
            waiting_share=min(1.0, self.waited_s / self.seconds),
            device=self._device.type,
            augmentation=augmentation_of(trainer_class),
            workers=len(self._workers()),
            cpus=usable_cpus(),
            threads=torch.get_num_threads(),
            cpu_share=cpu,
            worker_share=per_worker,
            gpu_share=self._gpu.share,
            memory_bytes=memory_bytes([os.getpid(), *self._workers()]),
            gpu_memory_bytes=gpu_memory,
            gpu_memory_share=gpu_memory_share,
        )

    def _workers(self) -> list[int]:
        return worker_ids(self._loader)

    def _worker_seconds(self) -> list[float | None]:
        return [cpu_seconds(worker) for worker in self._workers()]

    def _cpu_shares(self) -> tuple[float | None, float | None]:
        """Return the share of the usable CPUs that all processes used, and that of a CPU by an augmentation process."""
        assert self._start is not None
        start, own, workers = self._start
        seconds = max(time.perf_counter() - start, 1e-9)
        used = _differences(workers, self._worker_seconds())
        if used is None:
            return None, None
        total = own_cpu_seconds() - own + sum(used)
        return min(1.0, total / seconds / usable_cpus()), sum(used) / len(used) / seconds if used else None


def _differences(before: Sequence[float | None], after: Sequence[float | None]) -> list[float] | None:
    if len(before) != len(after):
        return None
    pairs = [(late, early) for late, early in zip(after, before, strict=True) if late is not None and early is not None]
    return [late - early for late, early in pairs] if len(pairs) == len(before) else None


def worker_ids(loader: Any) -> list[int]:
    """Return the ids of the processes that make the batches of an iterator."""
    return [process.pid for process in getattr(loader, "_processes", ()) if getattr(process, "pid", None)]


def augmentation_of(trainer_class: type) -> str:
    """Return how a trainer augments, as in `Measured.augmentation`, from the class that defines its transforms."""
    for parent in trainer_class.__mro__:
        if "get_training_transforms" in vars(parent):
            return _AUGMENTATIONS.get(parent.__name__, "own")
    return "own"


def is_due(epoch: int, first_epoch: int) -> bool:
    """Tell whether an epoch ends with a report: the first that this process trains, and every tenth."""
    return epoch == first_epoch or (epoch + 1) % EPOCHS_BETWEEN_REPORTS == 0
