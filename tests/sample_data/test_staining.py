from dataclasses import replace

import numpy as np
import pytest

from sample_data.domains import EXAMPLE_DOMAINS, StainDomain
from sample_data.randomness import random_stream, smooth_noise
from sample_data.staining import stain, transmitted_light
from sample_data.tissue import draw_tissue

HARBOR = EXAMPLE_DOMAINS[0]


def test_light_follows_beer_lambert():
    amount = np.array([[0.0, 1.0, 2.0]], np.float32)
    light = transmitted_light(amount, np.zeros_like(amount), HARBOR)
    optical_density = -np.log(light / np.array(HARBOR.glass_colour, np.float32))
    vector = np.array(HARBOR.haematoxylin_vector) / np.linalg.norm(HARBOR.haematoxylin_vector)
    assert np.allclose(optical_density[0, 0], 0, atol=1e-6)
    assert np.allclose(optical_density[0, 1], HARBOR.haematoxylin_strength * vector, atol=1e-5)
    assert np.allclose(optical_density[0, 2], 2 * optical_density[0, 1], atol=1e-5)


def test_both_stains_add_in_optical_density():
    one, none = np.ones((1, 1), np.float32), np.zeros((1, 1), np.float32)
    both = transmitted_light(one, one, HARBOR)
    apart = transmitted_light(one, none, HARBOR) * transmitted_light(none, one, HARBOR)
    assert np.allclose(both, apart / np.array(HARBOR.glass_colour), atol=1e-5)


def test_the_domains_differ_clearly_on_the_same_tissue():
    tissue = draw_tissue(random_stream(0, "tissue"), (128, 128), HARBOR.mix)
    images = [stain(tissue, domain, random_stream(0, domain.name)) for domain in EXAMPLE_DOMAINS]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(images[first].mean((0, 1)) - images[second].mean((0, 1))).max() > 15


def test_nests_contain_more_large_nuclei_than_stroma():
    tissue = draw_tissue(random_stream(5, "tissue"), (256, 256), HARBOR.mix)
    blue = tissue.haematoxylin > 0.4
    assert blue[tissue.labels == 1].mean() > 1.5 * blue[tissue.labels == 2].mean()
    assert tissue.haematoxylin[tissue.labels == 0].max() == 0
    assert tissue.eosin[tissue.labels == 0].max() == 0


def test_smooth_noise_has_unit_spread_at_every_scale():
    for sigma in (0.8, 3.0, 9.0, 30.0):
        fields = [smooth_noise(random_stream(seed, "noise"), (256, 200), sigma) for seed in range(12)]
        assert np.std(fields) == pytest.approx(1, abs=0.15), sigma
        assert fields[0].shape == (256, 200)


def test_a_domain_survives_a_round_trip_through_plain_values():
    assert StainDomain.from_dict(HARBOR.to_dict()) == HARBOR
    with pytest.raises(ValueError, match="unknown keys"):
        StainDomain.from_dict({**HARBOR.to_dict(), "blur": 1})


@pytest.mark.parametrize("wrong", [{"jpeg_quality": 0}, {"gamma": 0}, {"blur_px": -1}])
def test_values_outside_their_range_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        replace(HARBOR, **wrong)


def test_strengths_belong_to_the_slide_and_the_mix_to_the_tile():
    slide = HARBOR.on_slide(random_stream(0, "slide"))
    assert slide.haematoxylin_strength != HARBOR.haematoxylin_strength
    assert slide.mix == HARBOR.mix
    tile = slide.on_tile(random_stream(0, "tile"))
    assert tile.haematoxylin_strength == slide.haematoxylin_strength
    assert tile.mix != HARBOR.mix
