"""How well predicted edge maps agree with the edges of the labels."""

import numpy as np
import pytest
import torch

from nnunetv2.boundary.boundary_metrics import BoundaryAgreement
from nnunetv2.boundary.edge_agreement import edge_agreement


def lines(*columns: int) -> torch.Tensor:
    maps = torch.zeros(1, 1, 9, 12)
    maps[..., list(columns)] = 1
    return maps


@pytest.mark.parametrize(
    ("predicted", "expected", "counts"),
    [((3,), (3,), (9, 9, 9, 9)), ((5,), (3,), (9, 9, 9, 9)), ((6,), (3,), (9, 0, 9, 0)), ((3, 8), (3,), (18, 9, 9, 9))],
)
def test_pixels_within_the_tolerance_count_as_near(predicted, expected, counts) -> None:
    found = edge_agreement(lines(*predicted) * 8 - 4, lines(*expected), tolerance_px=2)
    assert found.tolist() == list(counts)


def test_counts_are_those_of_a_slow_search_over_samples_and_classes() -> None:
    stream = np.random.default_rng(0)
    logits, edges = stream.normal(-1, 1, (2, 3, 8, 9)), stream.random((2, 3, 8, 9)) < 0.1
    counts = np.zeros(4)
    for predicted, expected in zip((logits > 0).reshape(6, 8, 9), edges.reshape(6, 8, 9), strict=True):
        for column, (own, other) in enumerate([(predicted, expected), (expected, predicted)]):
            near = [any(abs(place - np.argwhere(other)).max(axis=1) <= 1) for place in np.argwhere(own)]
            counts[2 * column : 2 * column + 2] += len(near), sum(near)
    found = edge_agreement(torch.from_numpy(logits), torch.from_numpy(edges), tolerance_px=1)
    assert found.tolist() == counts.tolist()
    assert 0 < BoundaryAgreement(*map(int, counts)).boundary_f1 < 1


def test_ignored_pixels_do_not_count() -> None:
    valid = torch.ones(1, 1, 9, 12, dtype=torch.bool)
    valid[:, :, :4] = False
    assert edge_agreement(lines(6) * 8 - 4, lines(3, 6), valid, tolerance_px=1).tolist() == [5, 5, 10, 5]


def test_volumes_are_counted_too() -> None:
    edges = torch.zeros(1, 1, 5, 5, 5)
    edges[0, 0, 2, 2, 2] = 1
    assert edge_agreement(edges - 0.5, edges).tolist() == [1, 1, 1, 1]
