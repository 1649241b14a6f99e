import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from nnunetv2.errors import CallError
from nnunetv2.pathology.annotations.rasterise import DrawnAreas, pixels_inside


def random_area(seed: int, corners: int) -> shapely.Geometry:
    points = np.random.default_rng(seed).uniform(-10, 50, (corners, 2))
    return shapely.MultiPolygon(
        [part for part in shapely.get_parts(shapely.make_valid(shapely.Polygon(points))) if part.geom_type == "Polygon"]
    )


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    corners=st.integers(3, 30),
    corner=st.tuples(st.integers(-5, 20), st.integers(-5, 20)),
    scale=st.tuples(st.floats(0.3, 4), st.floats(0.3, 4)),
)
def test_a_pixel_is_drawn_just_if_its_centre_is_in_the_area(seed, corners, corner, scale):
    area = random_area(seed, corners)
    mask = pixels_inside(area, (33, 41), corner, scale)
    rows, columns = np.mgrid[:33, :41]
    x, y = (columns + 0.5 + corner[0]) * scale[0], (rows + 0.5 + corner[1]) * scale[1]
    assert np.array_equal(mask, shapely.contains_xy(area, x, y))


def test_holes_stay_empty_and_neighbours_share_no_pixel():
    ring = shapely.box(0, 0, 20, 20).difference(shapely.box(5, 5, 15, 15))
    assert pixels_inside(ring, (20, 20)).sum() == 300
    left, right = shapely.box(0, 0, 4.5, 8), shapely.box(4.5, 0, 9, 8)
    both = pixels_inside(left, (8, 9)).astype(int) + pixels_inside(right, (8, 9))
    assert (both == 1).all()


def test_later_areas_are_drawn_over_earlier_ones_in_every_window():
    areas = [shapely.box(0, 0, 100, 100), shapely.box(40, 40, 60, 60), shapely.box(50, 0, 70, 100)]
    drawn = DrawnAreas(areas, [1, 300, 2], scale=(2, 4))
    whole = drawn.draw(0, 0, 30, 60, background=9, dtype=np.uint16)
    assert np.unique(whole).tolist() == [1, 2, 9, 300]
    assert whole[11, 22] == 300
    assert whole[11, 27] == 2
    assert np.array_equal(drawn.draw(7, 13, 11, 20, background=9, dtype=np.uint16), whole[7:18, 13:33])


def test_a_window_without_areas_is_background():
    assert not DrawnAreas([], []).draw(0, 0, 5, 5).any()
    assert not DrawnAreas([shapely.box(0, 0, 9, 9)], [1]).draw(100, 0, 5, 5).any()


def test_as_many_values_as_areas_are_needed():
    with pytest.raises(CallError, match="1 areas, 0 values"):
        DrawnAreas([shapely.box(0, 0, 1, 1)], [])
