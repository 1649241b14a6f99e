"""Builds the loaders of a training and the processes that make their batches.

The classes are handed down by the trainer, in whose module clients replace them, and are called as nnU-Net calls them.
"""

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from batchgenerators.dataloading.single_threaded_augmenter import SingleThreadedAugmenter

from nnunetv2.foundation.random_streams import NoSeed, RandomStreams
from nnunetv2.training.dataloading.balanced_loader import balanced_class
from nnunetv2.training.dataloading.data_loader import nnUNetDataLoader
from nnunetv2.training.dataloading.domain_round_robin import DomainRoundRobin, restricted
from nnunetv2.training.dataloading.seeded_batches import SeededBatches
from nnunetv2.training.dataloading.supervised_augmenter import SupervisedAugmenter
from nnunetv2.utilities.default_n_proc_DA import get_allowed_n_proc_DA
from s1.cpus import feeding_processes, usable_cpus

Loader = nnUNetDataLoader | DomainRoundRobin
Streams = RandomStreams | NoSeed


def training_loader(
    loader_class: Callable[..., Any],
    dataset: Any,
    *arguments: Any,
    case_domains: Mapping[str, str],
    ratios: Mapping[str, float],
    stream: tuple[int, int] | None = None,
    **options: Any,
) -> nnUNetDataLoader:
    """Return a loader of the class, or a balanced one on top of it if `case_domains` is not empty.

    Parameters:
        loader_class: nnUNetDataLoader, or what a client put in its place.
        case_domains, ratios, stream: see BalancedDataLoader.
        arguments, options: the other arguments of nnUNetDataLoader.

    Raises SettingsError for a class that cannot be balanced, see `balanced_class`.
    """
    if not case_domains:
        return loader_class(dataset, *arguments, **options)
    domains: dict[str, Any] = {"case_domains": case_domains, "ratios": ratios, "stream": stream}
    return balanced_class(loader_class)(dataset, *arguments, **domains, **options)


def validation_loader(
    loader_class: Callable[..., Any],
    dataset: Any,
    *arguments: Any,
    parts: Mapping[str, Sequence[str]],
    first_batch: int = 0,
    **options: Any,
) -> Loader:
    """Return a loader of the class for one part, or a round robin over one loader per part for several.

    Parameters:
        loader_class: nnUNetDataLoader, or what a client put in its place.
        parts: domain -> its cases, together those of the dataset.
        first_batch: see DomainRoundRobin.
        arguments, options: the other arguments of nnUNetDataLoader.
    """
    if len(parts) < 2:
        return loader_class(dataset, *arguments, **options)
    loaders = {
        domain: loader_class(restricted(dataset, cases), *arguments, **options) for domain, cases in parts.items()
    }
    return DomainRoundRobin(loaders, first_batch=first_batch)


def with_seed(loader: Any, streams: Streams, purpose: str, first_batch: int, share: tuple[int, int]) -> Any:
    """Return the loader itself or, with a seed, one that gives its batches random streams, see SeededBatches."""
    return SeededBatches(loader, streams, purpose, first_batch, share) if isinstance(streams, RandomStreams) else loader


def step_stream(batch_sizes: Sequence[int], rank: int) -> tuple[int, int]:
    """Return the `stream` of a rank, given the batch size of every rank."""
    return sum(batch_sizes[:rank]), sum(batch_sizes)


def num_loader_processes(count_allowed: Callable[[], int], device_type: str, world_size: int = 1) -> int:
    """Return the number of augmentation processes: those allowed, or fewer if they have to share the CPUs.

    They share them with the network (on "cpu") and with the loaders of the other ranks. `nnUNet_n_proc_DA`, if set, and
    a client's function in place of ours decide alone. Each of these processes runs one thread.

    Parameters:
        count_allowed: get_allowed_n_proc_DA, or what a client has put in its place; 0 stays 0.
        world_size: ranks on this machine.
    """
    allowed = count_allowed()
    if "nnUNet_n_proc_DA" in os.environ or count_allowed is not get_allowed_n_proc_DA:
        return allowed
    if device_type == "cpu":
        return min(allowed, feeding_processes())
    return min(allowed, max(1, usable_cpus() // world_size)) if world_size > 1 else allowed


def build_augmenters(
    train_loader: Any,
    val_loader: Any,
    num_processes: int,
    pin_memory: bool,
    *,
    in_this_process: Callable[..., Any] = SingleThreadedAugmenter,
    in_processes: Callable[..., Any] = SupervisedAugmenter,
) -> tuple[Any, Any]:
    """Return iterators over the batches of both loaders, with as many processes and cached batches as nnU-Net.

    Parameters:
        num_processes: for training; validation gets half as many. 0 makes batches in this process, with its own random
            generators.
        in_this_process, in_processes: the classes of the iterators.
    """
    if num_processes == 0:
        return in_this_process(train_loader, None), in_this_process(val_loader, None)
    shared: dict[str, Any] = {"transform": None, "seeds": None, "pin_memory": pin_memory, "wait_time": 0.002}
    train = in_processes(
        data_loader=train_loader, num_processes=num_processes, num_cached=max(6, num_processes // 2), **shared
    )
    val = in_processes(
        data_loader=val_loader,
        num_processes=max(1, num_processes // 2),
        num_cached=max(3, num_processes // 4),
        **shared,
    )
    return train, val


def start_loader(loader: Any) -> None:
    """Start the processes of a loader, if it has any, without taking a batch."""
    start = getattr(loader, "_start", None)
    if start is not None:
        start()


def end_loader(loader: Any) -> None:
    """End the processes of a loader without output, if it has any."""
    finish = getattr(loader, "_finish", None)
    if finish is None:
        return
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        finish()
