import socket

import pytest
import torch
from torch import distributed, multiprocessing

from nnunetv2.utilities.ddp_allgather import AllGatherGrad, print_if_rank0


def free_port():
    with socket.socket() as server:
        server.bind(("localhost", 0))
        return server.getsockname()[1]


def gather_and_differentiate(rank, port, folder):
    """Body of one rank: loss = (sum of both ranks' squares, weighted by rank + 1)."""
    address = f"tcp://localhost:{port}"
    distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    value = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).T * (rank + 1)  # not contiguous
    value.requires_grad_()
    gathered = AllGatherGrad.apply(value)
    weights = torch.tensor([1.0, 2.0])[:, None, None]
    (gathered**2 * weights).sum().backward()
    torch.save((gathered.detach(), value.grad), f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


@pytest.mark.long
def test_gathering_stacks_all_ranks_and_sums_gradients_over_them(tmp_path):
    multiprocessing.spawn(gather_and_differentiate, (free_port(), str(tmp_path)), nprocs=2)

    base = torch.tensor([[1.0, 3.0], [2.0, 4.0]])
    for rank in (0, 1):
        gathered, gradient = torch.load(tmp_path / f"{rank}.pt")
        own = base * (rank + 1)
        assert torch.equal(gathered, torch.stack([base, 2 * base]))
        assert torch.equal(gradient, 2 * (2 * own * (rank + 1)))  # two ranks, each the gradient of the single loss


def test_without_ranks_lines_are_written(capsys):
    print_if_rank0("epoch", 3)

    assert capsys.readouterr().out == "epoch 3\n"
