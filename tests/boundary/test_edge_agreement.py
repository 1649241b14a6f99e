"""How well predicted edge maps agree with the edges of the labels."""

import math

import numpy as np
import pytest
import torch

from nnunetv2.boundary.edge_agreement import best_f1, edge_agreement


def lines(*columns: int) -> torch.Tensor:
    maps = torch.zeros(1, 1, 9, 12)
    maps[..., list(columns)] = 1
    return maps


@pytest.mark.parametrize(
    ("predicted", "expected", "counts"),
    [((3,), (3,), (9, 9, 9, 9)), ((5,), (3,), (9, 9, 9, 9)), ((6,), (3,), (9, 0, 9, 0)), ((3, 8), (3,), (18, 9, 9, 9))],
)
def test_pixels_within_the_tolerance_count_as_near(predicted, expected, counts) -> None:
    found = edge_agreement(lines(*predicted) * 8 - 4, lines(*expected), tolerance_px=2, thresholds=[0.5])
    assert found.tolist() == [list(counts)]


@pytest.mark.parametrize("share_ignored", [0.0, 0.3])
def test_counts_are_those_of_a_slow_search_over_samples_and_classes(share_ignored: float) -> None:
    stream = np.random.default_rng(0)
    logits, edges = stream.normal(-1, 1, (2, 3, 8, 9)), stream.random((2, 3, 8, 9)) < 0.1
    valid = stream.random((2, 1, 8, 9)) >= share_ignored
    thresholds = (0.3, 0.5)
    counts = np.zeros((2, 4))
    for row, threshold in enumerate(thresholds):
        masks = ((1 / (1 + np.exp(-logits)) > threshold) & valid, edges & valid)
        for predicted, expected in zip(*(mask.reshape(6, 8, 9) for mask in masks), strict=True):
            for column, (own, other) in enumerate([(predicted, expected), (expected, predicted)]):
                near = [any(abs(place - np.argwhere(other)).max(axis=1) <= 1) for place in np.argwhere(own)]
                counts[row, 2 * column : 2 * column + 2] += len(near), sum(near)
    tensors = (torch.from_numpy(values) for values in (logits, edges, valid))
    found = edge_agreement(*tensors, tolerance_px=1, thresholds=thresholds)
    assert found.tolist() == counts.tolist()


def test_volumes_are_counted_too() -> None:
    edges = torch.zeros(1, 1, 5, 5, 5)
    edges[0, 0, 2, 2, 2] = 1
    assert edge_agreement(edges - 0.5, edges, thresholds=[0.5]).tolist() == [[1, 1, 1, 1]]


def test_the_best_threshold_decides() -> None:
    assert best_f1([[10, 10, 20, 5], [40, 20, 20, 20], [0, 0, 20, 0]]) == pytest.approx(2 * 0.5 / 1.5)
    assert best_f1([[0, 0, 20, 0]]) == 0
    assert math.isnan(best_f1([[0, 0, 0, 0]]))


def test_weak_maps_in_the_right_places_are_better_than_strong_ones_elsewhere() -> None:
    weak = edge_agreement(lines(3) * 2 - 3, lines(3))  # probability 0.27 on the edge, 0.05 elsewhere
    assert best_f1(weak) == 1
    assert best_f1(edge_agreement(lines(9) * 20 - 10, lines(3))) == 0
