"""Augmentation in this process and in others, and failures there."""

import multiprocessing
import multiprocessing.process
import os
import signal
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from batchgenerators.dataloading.nondet_multi_threaded_augmenter import NonDetMultiThreadedAugmenter
from batchgenerators.dataloading.single_threaded_augmenter import SingleThreadedAugmenter

from nnunetv2.errors import CaseFailedError, WorkerDiedError
from nnunetv2.training.dataloading import loader_factory
from nnunetv2.training.dataloading.augmentation_worker import read_case
from nnunetv2.training.dataloading.balanced_loader import BalancedDataLoader
from nnunetv2.training.dataloading.data_loader import nnUNetDataLoader
from nnunetv2.training.dataloading.domain_round_robin import DomainRoundRobin
from nnunetv2.training.dataloading.loader_factory import (
    build_augmenters,
    end_loader,
    num_loader_processes,
    step_stream,
    training_loader,
    validation_loader,
)
from nnunetv2.training.dataloading.supervised_augmenter import SupervisedAugmenter
from s1 import cpus
from tests.training.dataloading.datasets import LABELS, BrokenDataset, NumberDataset

OPTIONS: dict[str, Any] = {
    "batch_size": 2,
    "patch_size": (8, 8),
    "final_patch_size": (8, 8),
    "label_manager": LABELS,
}
DOMAINS = {"case_0": "a", "case_1": "a", "case_2": "a", "case_3": "b"}


class NoiseLoader(nnUNetDataLoader):
    """Also returns a draw of each random generator, and who made the batch."""

    def generate_train_batch(self) -> dict[str, Any]:
        return {"numpy": np.random.uniform(), "torch": torch.rand(1).item(), "process": os.getpid()}


LONG_S = 600


class SlowLoader(nnUNetDataLoader):
    """Never finishes its second batch."""

    batches = 0

    def generate_train_batch(self) -> dict[str, Any]:
        self.batches += 1
        if self.batches > 1:
            self.announce_case("case_slow")
            time.sleep(LONG_S)
        return super().generate_train_batch()


class LaterFailingLoader(nnUNetDataLoader):
    """Makes four batches and cannot load the case of the fifth."""

    batches = 0

    def generate_train_batch(self) -> dict[str, Any]:
        self.batches += 1
        if self.batches > 4:
            self._data = BrokenDataset(OSError("truncated file"))
            self.indices = ["case_2"]
        return super().generate_train_batch()


def loader(dataset: Any = None, kind: type[nnUNetDataLoader] = nnUNetDataLoader) -> nnUNetDataLoader:
    return kind(dataset or NumberDataset(), **OPTIONS)


def balanced_loader(ratios: dict[str, float], kind: Any = nnUNetDataLoader) -> nnUNetDataLoader:
    return training_loader(kind, NumberDataset(), case_domains=DOMAINS, ratios=ratios, **OPTIONS)


def take_batches(augmenter: Any, count: int) -> None:
    for _ in range(count):
        next(augmenter)


@pytest.fixture
def augmenters() -> Iterator[list[Any]]:
    """Collects augmenters that must be ended after the test."""
    started: list[Any] = []
    yield started
    for augmenter in started:
        if hasattr(augmenter, "_finish"):
            augmenter._finish()


def test_no_processes_means_this_process() -> None:
    train, val = build_augmenters(loader(kind=NoiseLoader), loader(), 0, pin_memory=False)
    assert isinstance(train, SingleThreadedAugmenter)
    assert isinstance(val, SingleThreadedAugmenter)
    assert next(train)["process"] == os.getpid()


def test_the_numbers_of_processes_are_those_of_nnunet(augmenters) -> None:
    train, val = build_augmenters(loader(), loader(), 16, pin_memory=True)
    assert isinstance(train, NonDetMultiThreadedAugmenter)
    assert (train.num_processes, train.num_cached, val.num_processes, val.num_cached) == (16, 8, 8, 4)
    assert (train.pin_memory, train.wait_time) == (True, 0.002)


def test_batches_of_a_process_equal_those_made_here(augmenters) -> None:
    train, _ = build_augmenters(loader(), loader(), 1, pin_memory=False)
    augmenters.append(train)
    batch = next(train)
    assert batch["data"].shape == (2, 3, 8, 8)
    for case, image in zip(batch["keys"], batch["data"], strict=True):
        assert image.max() == int(case.removeprefix("case_")) + 1


def test_every_process_has_numpy_and_torch_streams_of_its_own(augmenters) -> None:
    torch.manual_seed(0)
    np.random.seed(0)
    pair = build_augmenters(loader(kind=NoiseLoader), loader(kind=NoiseLoader), 2, pin_memory=False)
    augmenters.extend(pair)
    firsts: dict[int, tuple[float, float]] = {}
    for augmenter, processes in zip(pair, (2, 3), strict=True):
        while len(firsts) < processes:
            batch = next(augmenter)
            firsts.setdefault(batch["process"], (batch["numpy"], batch["torch"]))
    for draws in zip(*firsts.values(), strict=True):
        assert len(set(draws)) == 3


@pytest.mark.parametrize("processes", [0, 2])
def test_a_case_that_cannot_be_loaded_is_named(augmenters, processes) -> None:
    broken = loader(BrokenDataset(OSError("truncated file")))
    train, _ = build_augmenters(broken, loader(), processes, pin_memory=False)
    augmenters.append(train)
    with pytest.raises(CaseFailedError, match="case case_2: truncated file"):
        take_batches(train, 100)


def test_a_bug_in_a_process_keeps_its_traceback(augmenters) -> None:
    train, _ = build_augmenters(loader(BrokenDataset(ValueError("bad shape"))), loader(), 1, pin_memory=False)
    augmenters.append(train)
    with pytest.raises(CaseFailedError, match="ValueError: bad shape") as caught:
        take_batches(train, 100)
    assert "load_case" in (caught.value.worker_traceback or "")


def test_a_failure_overtakes_batches_that_are_ready(augmenters) -> None:
    train, _ = build_augmenters(loader(kind=LaterFailingLoader), loader(), 1, pin_memory=False)
    augmenters.append(train)
    next(train)
    train._receiver.join(timeout=10)
    assert train._receiver.batches.qsize() > 1
    with pytest.raises(CaseFailedError, match="case_2: truncated file"):
        next(train)


def test_a_killed_process_is_noticed_with_its_case_and_signal(augmenters) -> None:
    train, _ = build_augmenters(loader(kind=SlowLoader), loader(), 2, pin_memory=False)
    augmenters.append(train)
    next(train)
    worker = train._receiver.workers[1]
    while read_case(worker.case) != "case_slow":
        time.sleep(0.01)
    started = time.monotonic()
    os.kill(worker.process.pid, signal.SIGKILL)
    with pytest.raises(WorkerDiedError, match=r"case case_slow: .*SIGKILL"):
        take_batches(train, 100)
    assert time.monotonic() - started < LONG_S / 4


def test_a_killed_process_is_noticed_while_others_take_their_turn(augmenters) -> None:
    balanced = balanced_loader({"a": 1.0, "b": 1.0})
    train, _ = build_augmenters(balanced, loader(), 2, pin_memory=False)
    augmenters.append(train)
    next(train)
    os.kill(train._processes[1].pid, signal.SIGKILL)
    with pytest.raises(WorkerDiedError, match="SIGKILL"):
        take_batches(train, 100)


def test_after_a_failure_no_process_is_left(augmenters) -> None:
    train, _ = build_augmenters(loader(BrokenDataset(OSError("gone"))), loader(), 2, pin_memory=False)
    train._start()
    processes = list(train._processes)
    with pytest.raises(CaseFailedError):
        take_batches(train, 100)
    assert not any(process.is_alive() for process in processes)


def test_ending_can_be_repeated_and_leaves_no_process() -> None:
    train, _ = build_augmenters(loader(), loader(), 2, pin_memory=False)
    next(train)
    processes = list(train._processes)
    train._finish()
    train._finish()
    assert not any(process.is_alive() for process in processes)


def test_ctrl_c_while_processes_start_leaves_none_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(SupervisedAugmenter):
        def _start_worker(self, number: int) -> Any:
            signal.raise_signal(signal.SIGINT)
            return super()._start_worker(number)

    monkeypatch.setattr(multiprocessing.process, "_children", set())
    augmenter = Interrupted(loader(), None, 2)
    with pytest.raises(KeyboardInterrupt):
        next(augmenter)
    started = multiprocessing.active_children()
    end_loader(augmenter)
    assert len(started) == 2
    assert multiprocessing.active_children() == []


def test_if_a_process_cannot_be_started_those_before_it_are_ended_and_ctrl_c_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Failing(SupervisedAugmenter):
        def _start_worker(self, number: int) -> Any:
            if number == 1:
                signal.raise_signal(signal.SIGINT)
                raise OSError("no more processes")
            return super()._start_worker(number)

    monkeypatch.setattr(multiprocessing.process, "_children", set())
    with pytest.raises(KeyboardInterrupt) as stopped:
        next(Failing(loader(), None, 2))
    assert str(stopped.value.__context__) == "no more processes"
    assert multiprocessing.active_children() == []


def test_ended_processes_can_be_started_again(augmenters) -> None:
    train, _ = build_augmenters(loader(), loader(), 1, pin_memory=False)
    augmenters.append(train)
    next(train)
    train.restart()
    assert next(train)["data"].shape == (2, 3, 8, 8)


def test_several_processes_keep_the_sequence_of_domains(augmenters) -> None:
    def row(processes: int) -> list[str]:
        balanced = balanced_loader({"a": 0.7, "b": 0.3})
        train, _ = build_augmenters(balanced, loader(), processes, pin_memory=False)
        augmenters.append(train)
        return [DOMAINS[case] for _ in range(15) for case in next(train)["keys"]]

    assert row(processes=2) == row(processes=0)


def test_one_domain_trains_with_nnunets_loader() -> None:
    plain = training_loader(nnUNetDataLoader, NumberDataset(), case_domains={}, ratios={}, **OPTIONS)
    assert type(plain) is nnUNetDataLoader
    balanced = balanced_loader({"a": 1.0, "b": 1.0})
    assert type(balanced) is BalancedDataLoader


def test_validation_goes_domain_by_domain(augmenters) -> None:
    parts = {"a": ["case_0", "case_1", "case_2"], "b": ["case_3"]}
    loader_of_all = validation_loader(nnUNetDataLoader, NumberDataset(), parts=parts, **OPTIONS)
    assert isinstance(loader_of_all, DomainRoundRobin)
    _, val = build_augmenters(loader(), loader_of_all, 4, pin_memory=False)
    augmenters.append(val)
    seen = [{DOMAINS[case] for case in next(val)["keys"]} for _ in range(6)]
    assert all(len(domains) == 1 for domains in seen)
    assert sum(domains == {"b"} for domains in seen) == 3


def test_validation_of_one_part_is_nnunets() -> None:
    plain = validation_loader(nnUNetDataLoader, NumberDataset(), parts={"": NumberDataset().identifiers}, **OPTIONS)
    assert type(plain) is nnUNetDataLoader


def test_the_slots_of_ranks_are_adjacent() -> None:
    assert [step_stream([3, 3, 2], rank) for rank in range(3)] == [(0, 8), (3, 8), (6, 8)]


def test_a_loader_class_of_a_client_is_used_with_and_without_domains() -> None:
    plain = training_loader(NoiseLoader, NumberDataset(), case_domains={}, ratios={}, **OPTIONS)
    assert type(plain) is NoiseLoader
    assert isinstance(balanced_loader({"a": 1.0, "b": 1.0}, NoiseLoader), NoiseLoader)
    parts = {"a": ["case_0", "case_1", "case_2"], "b": ["case_3"]}
    round_robin = validation_loader(NoiseLoader, NumberDataset(), parts=parts, **OPTIONS)
    assert {type(part) for part in round_robin.loaders.values()} == {NoiseLoader}


def test_without_domains_anything_that_makes_a_loader_will_do() -> None:
    made = training_loader(lambda *arguments, **options: options, NumberDataset(), case_domains={}, ratios={}, x=1)
    assert made == {"x": 1}


def test_classes_of_augmenters_are_called_as_nnunet_calls_them() -> None:
    train, val = build_augmenters("train", "val", 4, True, in_processes=lambda **options: options)
    shared = {"transform": None, "seeds": None, "pin_memory": True, "wait_time": 0.002}
    assert train == {"data_loader": "train", "num_processes": 4, "num_cached": 6, **shared}
    assert val == {"data_loader": "val", "num_processes": 2, "num_cached": 3, **shared}
    assert build_augmenters("train", "val", 0, True, in_this_process=lambda *arguments: arguments) == (
        ("train", None),
        ("val", None),
    )


@pytest.mark.parametrize(
    ("allowed", "device", "ranks", "processes"),
    [
        (12, "cuda", 1, 12),
        (12, "cpu", 1, 2),
        (0, "cpu", 1, 0),
        (12, "cuda", 4, 4),
        (12, "cuda", 99, 1),
        (1, "cuda", 4, 1),
    ],
)
def test_loaders_share_the_cpus_with_the_network_and_with_other_ranks(
    allowed: int, device: str, ranks: int, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (loader_factory, cpus):
        monkeypatch.setattr(module, "usable_cpus", lambda: 16)
    monkeypatch.setattr(loader_factory, "get_allowed_n_proc_DA", count := lambda: allowed)
    assert num_loader_processes(count, device, ranks) == processes
    assert num_loader_processes(lambda: 20, device, ranks) == 20, "a client's function"
    monkeypatch.setenv("nnUNet_n_proc_DA", str(allowed))
    assert num_loader_processes(count, device, ranks) == allowed


def test_ending_a_loader_is_silent_and_needs_no_processes(capfd: pytest.CaptureFixture[str]) -> None:
    ended = []

    def finish() -> None:
        print("noise")  # noqa: T201
        ended.append(True)

    end_loader(SimpleNamespace(_finish=finish))
    end_loader(None)

    assert ended == [True]
    assert capfd.readouterr().out == ""
