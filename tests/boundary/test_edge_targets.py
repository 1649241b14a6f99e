"""Edge targets against scipy's morphology and by hand."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from nnunetv2.boundary.edge_targets import edge_targets, edge_targets_from_regions


def scipy_edges(mask: np.ndarray) -> np.ndarray:
    """3 x 3 dilation XOR erosion with the mask replicated beyond its border."""
    padded = np.pad(mask, 1, mode="edge")
    window = np.ones((3,) * mask.ndim, bool)
    edges = ndimage.binary_dilation(padded, window) ^ ndimage.binary_erosion(padded, window, border_value=1)
    return edges[(slice(1, -1),) * mask.ndim]


@pytest.mark.parametrize("shape", [(13, 17), (7, 9, 8), (1, 12), (5, 1, 6)])
def test_edges_equal_those_of_scipy(shape: tuple[int, ...]) -> None:
    labels = torch.randint(0, 4, (3, 1, *shape), generator=torch.Generator().manual_seed(1))

    edges, valid = edge_targets(labels.float(), [1, 2, (2, 3)])

    assert edges.shape == (3, 3, *shape)
    assert edges.dtype == torch.float32
    assert valid.all()
    for sample in range(3):
        for index, members in enumerate(([1], [2], [2, 3])):
            expected = scipy_edges(np.isin(labels[sample, 0].numpy(), members))
            np.testing.assert_array_equal(edges[sample, index].numpy(), expected)


def test_the_image_border_is_not_an_edge() -> None:
    labels = torch.ones(1, 1, 6, 6)

    assert not edge_targets(labels, [1])[0].any()


def test_an_ignored_pixel_is_not_an_edge_and_creates_none() -> None:
    labels = torch.ones(1, 1, 7, 7)
    labels[..., 3:5, 2:5] = 9

    edges, valid = edge_targets(labels, [1], ignore_label=9)

    assert not edges.any()
    torch.testing.assert_close(valid, labels != 9)


def test_edges_next_to_an_ignored_region_are_kept() -> None:
    labels = torch.tensor([[0, 0, 0, 1, 1, 1, 9, 9]] * 4)[None, None]

    edges, _ = edge_targets(labels, [1], ignore_label=9)

    assert edges[0, 0].tolist() == [[0, 0, 1, 1, 0, 0, 0, 0]] * 4


def test_regions_give_the_same_as_their_labels() -> None:
    labels = torch.randint(0, 5, (2, 1, 11, 10), generator=torch.Generator().manual_seed(2))
    regions = torch.cat([labels == 1, (labels == 1) | (labels == 2), labels == 4], dim=1)

    from_labels = edge_targets(labels, [1, (1, 2)], ignore_label=4)
    from_regions = edge_targets_from_regions(regions, has_ignore=True)
    as_floats = edge_targets_from_regions(regions[:, :2].float(), has_ignore=False)

    assert all(torch.equal(one, other) for one, other in zip(from_labels, from_regions, strict=True))
    assert torch.equal(as_floats[0], edge_targets(labels, [1, (1, 2)])[0])
    assert as_floats[1].shape == (2, 1, 11, 10)
    assert as_floats[1].all()
