"""Batch Dice over two processes (gloo), also where their batches differ in size."""

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from nnunetv2.training.loss.dice import MemoryEfficientSoftDiceLoss, SoftDiceLoss

SAMPLES_OF_RANK = (slice(0, 3), slice(3, 5))


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand((5, 3, 6, 6), generator=generator), torch.randint(0, 3, (5, 1, 6, 6), generator=generator)


def value_and_gradient(kind: type, logits: torch.Tensor, labels: torch.Tensor, ddp: bool) -> list[torch.Tensor]:
    logits = logits.clone().requires_grad_()
    loss = kind(torch.sigmoid, batch_dice=True, do_bg=False, smooth=1e-5, ddp=ddp)(logits, labels)
    loss.backward()
    assert logits.grad is not None
    return [loss.detach(), logits.grad]


def run_rank(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    logits, labels = (part[SAMPLES_OF_RANK[rank]] for part in batch())
    results = {
        kind.__name__: value_and_gradient(kind, logits, labels, ddp=True)
        for kind in (SoftDiceLoss, MemoryEfficientSoftDiceLoss)
    }
    torch.save(results, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def results_of_ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, list[torch.Tensor]]]:
    folder: Path = tmp_path_factory.mktemp("ranks")
    mp.spawn(run_rank, (str(folder),), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.mark.parametrize("kind", [SoftDiceLoss, MemoryEfficientSoftDiceLoss])
def test_every_rank_has_the_value_of_the_whole_batch(results_of_ranks, kind) -> None:
    value, _ = value_and_gradient(kind, *batch(), ddp=False)
    for results in results_of_ranks:
        torch.testing.assert_close(results[kind.__name__][0], value)


@pytest.mark.parametrize("kind", [SoftDiceLoss, MemoryEfficientSoftDiceLoss])
def test_gradients_averaged_over_ranks_are_those_of_the_whole_batch(results_of_ranks, kind) -> None:
    _, gradient = value_and_gradient(kind, *batch(), ddp=False)
    for samples, results in zip(SAMPLES_OF_RANK, results_of_ranks, strict=True):
        torch.testing.assert_close(results[kind.__name__][1] / 2, gradient[samples])
