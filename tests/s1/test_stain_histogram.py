import numpy as np

from s1.stain_histogram import BINS, RANGE, stain_histograms

HAEMATOXYLIN, EOSIN = np.array([0.650, 0.704, 0.286]), np.array([0.072, 0.990, 0.105])


def stained(amounts):
    density = sum(a * v / np.linalg.norm(v) for a, v in zip(amounts, (HAEMATOXYLIN, EOSIN), strict=True))
    return np.broadcast_to(np.rint(256 * np.exp(-density) - 1), (16, 16, 3)).astype(np.uint8)


def test_the_amount_of_each_stain_is_found():
    histograms = stain_histograms(stained((1.2, 0.6)))
    width = (RANGE[1] - RANGE[0]) / BINS
    found = RANGE[0] + (histograms.argmax(axis=1) + 0.5) * width
    assert np.allclose(found, (1.2, 0.6), atol=width)
    assert histograms.sum(axis=1).tolist() == [256, 256]


def test_glass_has_no_stain_and_black_counts_at_the_end():
    glass = stain_histograms(np.full((8, 8, 3), 255, np.uint8))
    assert abs(RANGE[0] + (glass[0].argmax() + 0.5) * (RANGE[1] - RANGE[0]) / BINS) < 0.05
    assert stain_histograms(np.zeros((8, 8, 3), np.uint8)).sum() == 2 * 64


def test_grey_images_have_none():
    assert stain_histograms(np.zeros((8, 8), np.uint8)) is None


def test_large_images_are_sampled():
    image = np.random.default_rng(0).integers(0, 256, (900, 1100, 3), np.uint8)
    assert 20_000 <= stain_histograms(image).sum() / 2 < 30_000
