import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

from s1.domain_discovery import FEATURES, agreement, discover, look_at, look_at_files, standardised
from s1.domain_map import DomainMap
from s1.errors import ImageProblemError, SourceError
from s1.stain_vectors import find_stains, optical_densities
from s1.texture_statistics import SHARPNESS, texture_statistics


def clouds(*sizes, distance=6.0, seed=0):
    """Return features of cases a0, a1, ..., b0, ...: one cloud a letter, far from each other."""
    rng = np.random.default_rng(seed)
    return {
        f"{letter}{number}": rng.normal(size=FEATURES) + distance * np.cos(np.arange(FEATURES) * (place + 1))
        for place, (letter, size) in enumerate(zip("abcdefgh", sizes, strict=False))
        for number in range(size)
    }


def truth(features):
    letters = dict.fromkeys(case[0] for case in features)
    return DomainMap({letter: tuple(case for case in features if case[0] == letter) for letter in letters})


def test_the_features_are_stains_lab_moments_and_sharpness():
    image = np.random.default_rng(0).integers(0, 200, (60, 50, 3), np.uint8)
    row, lab = look_at(image), rgb2lab(image).reshape(-1, 3)
    assert row.shape == (FEATURES,)
    assert np.allclose(row[:10], find_stains(optical_densities(image.reshape(-1, 3))).as_row())
    assert np.allclose(row[10:16], [*lab.mean(axis=0), *lab.std(axis=0)])
    assert row[16] == texture_statistics(image)[SHARPNESS]


def test_glass_has_no_stains_and_grey_images_have_no_colour():
    glass = look_at(np.full((20, 20, 3), 250, np.uint8))
    assert np.isnan(glass[:10]).all()
    assert np.isfinite(glass[10:]).all()
    grey = look_at(np.random.default_rng(0).integers(0, 200, (20, 20), np.uint8))
    assert np.allclose(grey[[11, 12, 14, 15]], 0, atol=1e-2)


def test_columns_are_standardised_missing_values_are_means_and_constants_are_nothing():
    table = np.array([[1.0, 5.0, np.nan, np.nan], [3.0, 5.0, 2.0, np.nan], [5.0, 5.0, 4.0, np.nan]])
    found = standardised(table)
    assert found[:, 0] == pytest.approx(np.array([-1, 0, 1]) * np.sqrt(1.5))
    assert found[:, 2] == pytest.approx(np.array([0, -1, 1]) * np.sqrt(1.5))
    assert np.array_equal(found[:, [1, 3]], np.zeros((3, 2)))


def test_the_number_of_domains_follows_from_the_images_and_the_largest_is_the_first():
    features = clouds(60, 100, 80, distance=40)
    found = discover(features)
    assert agreement(found.domain_map, truth(features)) == pytest.approx(1)
    assert [len(cases) for cases in found.domain_map.domains.values()] == [100, 80, 60]
    assert found.domain_map.names == ("domain_1", "domain_2", "domain_3")
    assert min(found.bic, key=found.bic.get) == 3
    assert list(found.bic) == list(range(1, 9))
    assert found.silhouette > 0.5
    assert set(found.positions) == set(features)


def test_one_cloud_is_one_domain_without_silhouette():
    found = discover(clouds(100))
    assert len(found.domain_map.names) == 1
    assert found.silhouette is None


def test_a_given_number_is_kept_and_the_same_images_give_the_same_domains():
    features = clouds(20, 20)
    first, second = discover(features, 4), discover(features, 4)
    assert len(first.domain_map.names) == 4
    assert list(first.bic) == [4]
    assert first == second


def test_missing_stains_do_not_hinder():
    features = clouds(20, 20)
    features["a0"][:10] = np.nan
    assert agreement(discover(features, 2).domain_map, truth(features)) == pytest.approx(1)


@pytest.mark.parametrize(("count", "domains"), [(None, 1), (1, 1), (2, 1)])
def test_equal_images_are_one_domain_without_a_warning(count, domains):
    assert len(discover({"a": np.ones(FEATURES), "b": np.ones(FEATURES)}, count).domain_map.names) == domains


def test_the_tried_numbers_leave_enough_images_for_each_domain():
    assert list(discover(clouds(60)).bic) == [1, 2, 3]


def test_a_single_image_is_refused():
    with pytest.raises(SourceError, match="at least 2 images, there is 1"):
        discover({"a": np.ones(FEATURES)})


def test_more_domains_than_images_are_refused():
    with pytest.raises(SourceError, match=r"--discover 3: there are 2 images"):
        discover(clouds(2), 3)


def test_agreement_is_the_adjusted_rand_index():
    known = DomainMap({"x": ("a", "b"), "y": ("c", "d")})
    assert agreement(DomainMap({"p": ("c", "d"), "q": ("a", "b")}), known) == pytest.approx(1)
    # of 6 pairs: 2 together in both maps, 3 in the proposal; (1 - 2 * 3 / 6) / ((2 + 3) / 2 - 1) by Hubert and Arabie
    assert agreement(DomainMap({"p": ("a", "b", "c"), "q": ("d",)}), known) == pytest.approx((1 - 1) / (2.5 - 1))


def test_all_files_that_cannot_be_used_are_listed(tmp_path):
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "good.png")
    images = {name: tmp_path / f"{name}.png" for name in ("good", "lost", "text")}
    images["text"].write_text("no image")
    with pytest.raises(ImageProblemError, match=r"(?s)lost\.png.*text\.png"):
        look_at_files(images, workers=2)
