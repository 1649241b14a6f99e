"""Tissue is found by its stains, not by darkness: pens, fill, dust and uneven glass are none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnunetv2.errors import SettingsError
from nnunetv2.pathology.slides.slide_reader import Pixels
from nnunetv2.pathology.tissue.tissue_mask import (
    Mask,
    TissueSettings,
    _bright_levels,
    _white,
    cleaned_mask,
    coloured_pixels,
    grown,
)
from sample_data.pyramids import PyramidSettings, SyntheticSlide

MPP = (8.0, 8.0)
PENS = [(20, 40, 120), (10, 110, 60), (25, 25, 30), (30, 70, 160)]


@pytest.fixture(scope="module")
def texture() -> Pixels:
    """Tissue without lumina, averaged as a scanner at low magnification would."""
    slide = SyntheticSlide(PyramidSettings(2048, 2048, block_px=2048, drawn_px=256, glass_share=0))
    pixels, labels = slide.pixels(0, 0, 2048, 2048).astype(float), slide.labels(0, 0, 2048, 2048)
    pixels[labels == 0] = pixels[labels > 0].mean(0)
    return pixels.reshape(256, 8, 256, 8, 3).mean((1, 3)).astype(np.uint8)


def drawn(
    texture: Pixels, pen: tuple[int, int, int], strength: float, shading: float
) -> tuple[Pixels, dict[str, Mask]]:
    """Return a slide of 500 x 600 pixels of 8 um, and where its parts are."""
    rng = np.random.default_rng(0)
    image = np.clip(rng.normal(243, 1.2, (500, 600, 1)), 0, 255).repeat(3, 2)
    parts = {name: np.zeros((500, 600), bool) for name in ("full", "pale", "pen", "fill", "edge")}
    parts["full"][60:260, 60:260] = True
    parts["pale"][300:440, 80:240] = True
    parts["pen"][40:70, 320:560] = True
    parts["fill"][460:] = True
    parts["edge"][:, 580:583] = True
    stains = -np.log10((texture[:200, :200] + 1.0) / 244)
    image[60:260, 60:260] = 244 * 10**-stains - 1
    image[300:440, 80:240] = 244 * 10 ** (-strength * stains[:140, :160]) - 1
    image[parts["pen"]] = pen
    image[parts["edge"]] = 120
    image *= 1 - shading * np.linspace(0, 1, 600)[:, None]
    image[parts["fill"]] = 0
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), parts


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(PENS), st.floats(0.25, 1.0), st.floats(0, 0.06))
def test_pale_tissue_is_found_and_pens_fill_and_edges_are_not(
    texture: Pixels, pen: tuple[int, int, int], strength: float, shading: float
) -> None:
    pixels, parts = drawn(texture, pen, strength, shading)
    found = coloured_pixels(pixels, np.ones(pixels.shape[:2], bool))
    mask = cleaned_mask(found.mask, MPP, TissueSettings())
    tissue = parts["full"] | parts["pale"]
    assert (mask & tissue).sum() / (mask | tissue).sum() >= 0.97
    assert mask[parts["pale"]].mean() >= 0.9
    for name in ("pen", "fill", "edge"):
        assert mask[parts[name]].mean() <= 0.02, name


def test_empty_glass_has_no_tissue() -> None:
    rng = np.random.default_rng(0)
    glass = np.clip(rng.normal(243, 1.5, (500, 600, 3)) * (1 - 0.05 * np.linspace(0, 1, 600)[:, None]), 0, 255)
    found = coloured_pixels(glass.astype(np.uint8), np.ones((500, 600), bool))
    assert not cleaned_mask(found.mask, MPP, TissueSettings()).any()


def test_a_slide_full_of_tissue_is_found_without_any_glass(texture: Pixels) -> None:
    found = coloured_pixels(texture, np.ones(texture.shape[:2], bool))
    assert cleaned_mask(found.mask, MPP, TissueSettings()).mean() > 0.97


def test_blue_counts_with_any_stain_only() -> None:
    image = np.full((100, 100, 3), 243, np.uint8)
    image[20:80, 20:80] = (90, 120, 200)
    there = np.ones((100, 100), bool)
    assert not coloured_pixels(image, there, "he").mask.any()
    assert coloured_pixels(image, there, "any").mask.sum() == 3600


def test_what_is_not_valid_is_no_tissue(texture: Pixels) -> None:
    valid = np.zeros(texture.shape[:2], bool)
    assert not coloured_pixels(texture, valid).mask.any()
    valid[:10] = True
    assert not coloured_pixels(texture, valid).mask[10:].any()


def test_small_pieces_go_small_holes_are_filled_and_gaps_are_closed() -> None:
    mask = np.zeros((200, 200), bool)
    mask[20:120, 20:60] = mask[20:120, 63:120] = True  # a gap of 3 pixels, 24 um
    mask[40:60, 30:50] = False  # 0.0256 mm2
    mask[150:160, 150:160] = True  # 0.0064 mm2
    cleaned = cleaned_mask(mask, MPP, TissueSettings())
    assert cleaned[30:110, 25:115].all()
    assert not cleaned[140:].any()
    assert not cleaned[20:120, 125:].any()


def test_a_margin_is_a_distance_also_for_oblong_pixels() -> None:
    mask = np.zeros((50, 50), bool)
    mask[25, 25] = True
    wide = grown(mask, 32, (8.0, 16.0))
    assert wide[25].sum() == 9
    assert wide[:, 25].sum() == 5


@pytest.mark.parametrize("stain", ["he", "any"])
def test_an_image_has_the_same_tissue_in_strips_of_any_height(stain: str, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    image = random.normal(238, 3, (90, 80, 3))
    image[20:60, 10:50] = random.normal((180, 120, 190), 20, (40, 40, 3))
    pixels, valid = np.clip(image, 0, 255).astype(np.uint8), random.random((90, 80)) > 0.1
    whole = coloured_pixels(pixels, valid, stain)
    bright = pixels[valid][pixels[valid].mean(axis=1) >= 180]
    white = np.percentile(bright, 90, axis=0)
    assert whole.mask.sum() > 500
    monkeypatch.setattr("nnunetv2.pathology.tissue.tissue_mask._STRIP_PX", 7)
    in_strips = coloured_pixels(pixels, valid, stain)
    assert in_strips.threshold == whole.threshold
    assert np.array_equal(in_strips.mask, whole.mask)
    assert _white([_bright_levels(pixels[valid])]) == pytest.approx(white, abs=1e-4)


@pytest.mark.parametrize("margin", [16.0, 32.0, 80.0])
def test_a_margin_is_the_same_by_neighbours_and_by_distances(margin: float, monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.random.default_rng(0).random((90, 80)) < 0.002
    by_default = grown(mask, margin, (8.0, 10.0))
    monkeypatch.setattr("nnunetv2.pathology.tissue.tissue_mask._LARGEST_DISC", 0)
    np.testing.assert_array_equal(by_default, grown(mask, margin, (8.0, 10.0)))


def test_settings_survive_json_and_refuse_what_they_do_not_know() -> None:
    assert TissueSettings.from_dict(TissueSettings(stain="any").to_dict()) == TissueSettings(stain="any")
    with pytest.raises(SettingsError, match="unknown settings of the search for tissue: stian"):
        TissueSettings.from_dict({"stian": "he"})
    with pytest.raises(SettingsError, match="expected one of he, any"):
        TissueSettings(stain="ihc")
    with pytest.raises(SettingsError, match="expected 0 or more"):
        TissueSettings(closing_um=-1)
