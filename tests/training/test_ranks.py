import pytest
import torch

from nnunetv2.errors import ArgumentError
from nnunetv2.training.ranks import BatchShare, Ranks, current_ranks, share_batch


@pytest.mark.parametrize(
    ("batch", "world", "expected"),
    [
        (2, 2, [(1, 0), (1, 1)]),
        (4, 2, [(2, 0), (2, 0.5)]),
        (12, 4, [(3, 0), (3, 0), (3, 1 / 3), (3, 1)]),
        (12, 5, [(3, 0), (3, 0), (2, 0), (2, 1), (2, 1)]),
    ],
)
def test_shares_of_a_batch_are_those_of_nnunet(batch: int, world: int, expected: list) -> None:
    shares = [share_batch(batch, world, rank, 0.33) for rank in range(world)]

    assert [(share.batch_size, share.oversample) for share in shares] == expected


@pytest.mark.parametrize("world", range(1, 6))
def test_forced_samples_of_all_ranks_are_those_of_one_process(world: int) -> None:
    for batch in range(world, 13):
        shares = [share_batch(batch, world, rank, 0.33) for rank in range(world)]
        forced = sum(share.batch_size - round(share.batch_size * (1 - share.oversample)) for share in shares)

        assert sum(share.batch_size for share in shares) == batch
        assert abs(forced - (batch - round(batch * 0.67))) <= 1


def test_fewer_samples_than_ranks_are_refused_with_a_way_out() -> None:
    with pytest.raises(ArgumentError, match="batch size 2 is smaller than the number of GPUs, 3") as caught:
        share_batch(2, 3, 0, 0.33)
    assert isinstance(caught.value, AssertionError)


def test_one_rank_takes_the_whole_batch() -> None:
    assert share_batch(2, 1, 0, 0.5) == BatchShare(2, 0.5)


def test_without_distributed_training_this_is_rank_0_of_1() -> None:
    ranks = current_ranks()

    assert ranks == Ranks(False, 0, 1)
    assert ranks.gather("x") == ["x"]


def test_a_cuda_device_always_has_a_number() -> None:
    assert Ranks(False, 0, 1).device(torch.device("cuda")) == torch.device("cuda:0")
    assert Ranks(False, 0, 1).device(torch.device("cuda:1")) == torch.device("cuda:1")
    assert Ranks(True, 3, 4).device(torch.device("cuda")) == torch.device("cuda:3")
    assert Ranks(False, 0, 1).device(torch.device("cpu")) == torch.device("cpu")
