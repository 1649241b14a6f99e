"""Builds the loaders of a training and the processes that make their batches."""

from collections.abc import Mapping, Sequence
from typing import Any

from batchgenerators.dataloading.single_threaded_augmenter import SingleThreadedAugmenter

from nnunetv2.training.dataloading.balanced_loader import BalancedDataLoader, DomainRoundRobin
from nnunetv2.training.dataloading.data_loader import nnUNetDataLoader
from nnunetv2.training.dataloading.supervised_augmenter import SupervisedAugmenter

Loader = nnUNetDataLoader | DomainRoundRobin


def training_loader(
    dataset: Any,
    *,
    case_domains: Mapping[str, str],
    ratios: Mapping[str, float],
    stream: tuple[int, int] | None = None,
    **options: Any,
) -> nnUNetDataLoader:
    """Return nnU-Net's loader, or the balanced one if `case_domains` is not empty.

    Parameters:
        case_domains, ratios, stream: see BalancedDataLoader.
        options: the other arguments of nnUNetDataLoader.
    """
    if not case_domains:
        return nnUNetDataLoader(dataset, **options)
    return BalancedDataLoader(dataset, case_domains=case_domains, ratios=ratios, stream=stream, **options)


def validation_loader(
    dataset: Any, *, parts: Mapping[str, Sequence[str]], first_batch: int = 0, **options: Any
) -> Loader:
    """Return nnU-Net's loader for one part, or a round robin over one loader per part for several.

    Parameters:
        parts: domain -> its cases, together those of the dataset.
        first_batch: see DomainRoundRobin.
        options: the other arguments of nnUNetDataLoader.
    """
    if len(parts) < 2:
        return nnUNetDataLoader(dataset, **options)
    loaders = {}
    for domain, cases in parts.items():
        loaders[domain] = nnUNetDataLoader(dataset, **options)
        loaders[domain].indices = list(cases)
    return DomainRoundRobin(loaders, first_batch=first_batch)


def step_stream(batch_sizes: Sequence[int], rank: int) -> tuple[int, int]:
    """Return the `stream` of a rank, given the batch size of every rank."""
    return sum(batch_sizes[:rank]), sum(batch_sizes)


def build_augmenters(
    train_loader: Any, val_loader: Any, num_processes: int, pin_memory: bool
) -> tuple["SingleThreadedAugmenter | SupervisedAugmenter", "SingleThreadedAugmenter | SupervisedAugmenter"]:
    """Return iterators over the batches of both loaders, with as many processes and cached batches as nnU-Net.

    Parameters:
        num_processes: for training; validation gets half as many. 0 makes batches in this process, with its own random
            generators.
    """
    if num_processes == 0:
        return SingleThreadedAugmenter(train_loader, None), SingleThreadedAugmenter(val_loader, None)
    train = SupervisedAugmenter(
        train_loader,
        None,
        num_processes,
        num_cached=max(6, num_processes // 2),
        pin_memory=pin_memory,
        wait_time=0.002,
    )
    val = SupervisedAugmenter(
        val_loader,
        None,
        max(1, num_processes // 2),
        num_cached=max(3, num_processes // 4),
        pin_memory=pin_memory,
        wait_time=0.002,
    )
    return train, val
