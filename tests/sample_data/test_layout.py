import numpy as np
import pytest
from scipy import ndimage

from sample_data.layout import BACKGROUND, SMALLEST_REGION_PX, STROMA, TUMOR, ClassMix, draw_layout


@pytest.mark.parametrize(("glass", "tumor"), [(0.1, 0.5), (0.3, 0.3), (0.05, 0.7)])
def test_the_classes_have_roughly_the_requested_shares(glass, tumor):
    mix = ClassMix(glass, tumor, lumen=0.0)
    labels = [draw_layout(np.random.default_rng(seed), (256, 256), mix).labels for seed in range(6)]
    shares = np.bincount(np.ravel(labels), minlength=3) / np.size(labels)
    assert shares[BACKGROUND] == pytest.approx(glass, abs=0.05)
    assert shares[TUMOR] == pytest.approx((1 - glass) * tumor, abs=0.12)


def test_no_nest_is_too_small_to_show_its_texture():
    for seed in range(4):
        layout = draw_layout(np.random.default_rng(seed), (200, 160), ClassMix(0.2, 0.4, lumen=0.0))
        pieces, count = ndimage.label(layout.labels == TUMOR)
        assert count > 0
        assert np.bincount(pieces.ravel())[1:].min() >= SMALLEST_REGION_PX


def test_lumens_are_background_inside_nests():
    closed = draw_layout(np.random.default_rng(1), (256, 256), ClassMix(0.1, 0.7, lumen=0.0)).labels
    opened = draw_layout(np.random.default_rng(1), (256, 256), ClassMix(0.1, 0.7, lumen=1.0)).labels
    changed = opened != closed
    assert changed.any()
    assert np.all(closed[changed] == TUMOR)
    assert np.all(opened[changed] == BACKGROUND)


def test_distances_belong_to_the_labels():
    layout = draw_layout(np.random.default_rng(3), (128, 128), ClassMix(0.2, 0.4))
    assert np.array_equal(layout.inside_nest > 0, layout.labels == TUMOR)
    assert np.array_equal(layout.outside_nest == 0, layout.labels == TUMOR)
    assert np.array_equal(layout.inside_tissue == 0, layout.labels == BACKGROUND)


def test_a_tile_without_tissue_and_one_without_glass_are_possible():
    assert set(np.unique(draw_layout(np.random.default_rng(0), (64, 64), ClassMix(1.0, 0.5)).labels)) == {BACKGROUND}
    whole = draw_layout(np.random.default_rng(0), (64, 64), ClassMix(0.0, 0.0, lumen=0.0)).labels
    assert set(np.unique(whole)) == {STROMA}
