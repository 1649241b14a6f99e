import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from nnunetv2.errors import InvalidValueError
from nnunetv2.pathology.annotations.outline_cleanup import OutlineSettings, cleaned
from nnunetv2.pathology.annotations.outlines import block_faces
from tests.pathology.annotations.label_maps import blobs

EXACT = OutlineSettings(simplify_px=0, min_area_px=0)


def faces_of(seed: int) -> tuple[np.ndarray, np.ndarray]:
    faces = block_faces(blobs(40, 50, seed))
    return faces.polygons, faces.labels


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_without_simplification_areas_are_exact_in_pixels_of_the_slide(scale):
    labels = blobs(60, 80)
    faces = block_faces(labels)
    exact = OutlineSettings(0, 0, scale, scale, (1000, 3000))
    polygons = [cleaned(polygon, exact) for polygon in faces.polygons]
    for label in (1, 2, 3):
        areas = shapely.area([p for p, value in zip(polygons, faces.labels, strict=True) if value == label])
        assert areas.sum() == (labels == label).sum() * scale**2
    assert min(polygon.bounds[0] for polygon in polygons) >= 1000


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 30),
    simplify=st.floats(0, 6),
    scale=st.floats(0.3, 9),
    stretch=st.floats(0.99, 1.01),
    least=st.sampled_from([0, 10, 50]),
)
def test_everything_that_is_returned_is_valid_and_whole(seed, simplify, scale, stretch, least):
    options = OutlineSettings(simplify, least, scale, scale * stretch, (140_000, 17))
    for polygon in faces_of(seed)[0]:
        result = cleaned(polygon, options)
        if polygon.area < least:
            assert result is None
        if result is None:
            continue
        coordinates = shapely.get_coordinates(result)
        assert shapely.is_valid(result)
        assert result.area > 0
        assert np.array_equal(coordinates, np.rint(coordinates))
        assert np.array_equal(coordinates, coordinates.astype(np.float32))
        assert result.geom_type == "Polygon" or len(result.geoms) >= 2


def test_simplified_outlines_have_fewer_corners_and_nearly_the_same_area():
    angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    disc = np.hypot(*(np.mgrid[:120, :120] - 59.5)) < 50 + 2 * np.sin(5 * angles[0])
    (polygon,) = block_faces(disc.astype(np.uint8)).polygons
    result = cleaned(polygon, OutlineSettings())
    assert len(result.exterior.coords) < len(polygon.exterior.coords) / 3
    assert result.area == pytest.approx(polygon.area, rel=0.02)
    assert shapely.hausdorff_distance(result, polygon) < 1.5


def test_small_areas_are_dropped_and_small_holes_filled():
    labels = np.ones((20, 20), np.uint8)
    labels[3:6, 3:6] = 0
    labels[10:14, 10:14] = 0
    (polygon,) = block_faces(labels).polygons
    assert cleaned(polygon, OutlineSettings(0, 10)).area == 400 - 16
    assert cleaned(polygon, OutlineSettings(0, 385)) is None


def test_an_area_thinner_than_a_pixel_of_the_slide_vanishes():
    labels = np.zeros((3, 40), np.uint8)
    labels[1] = 1
    (polygon,) = block_faces(labels).polygons
    assert cleaned(polygon, OutlineSettings(0, 0, 0.2, 0.2)) is None
    assert cleaned(polygon, EXACT).area == 40


def test_a_hole_that_meets_the_outline_at_a_corner_stays_a_hole():
    labels = np.ones((6, 6), np.uint8)
    labels[0, 0] = labels[1, 1] = 0
    (polygon,) = block_faces(labels).polygons
    result = cleaned(polygon, EXACT)
    assert shapely.is_valid(result)
    assert result.area == 34


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"simplify_px": -1}, "simplify_px is -1, expected a number of at least 0"),
        ({"scale_x": 0}, "scale_x is 0, expected a number above 0"),
        ({"min_area_px": float("nan")}, "min_area_px is nan"),
    ],
)
def test_impossible_settings_are_refused(wrong, words):
    with pytest.raises(InvalidValueError, match=words):
        OutlineSettings(**wrong)
