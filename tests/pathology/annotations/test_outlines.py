import numpy as np
import pytest
import shapely
from skimage.measure import label as components

from nnunetv2.pathology.annotations.outlines import NO_FACE, block_faces
from tests.pathology.annotations.label_maps import blobs, discs, painted


@pytest.mark.parametrize("seed", range(4))
def test_polygons_are_valid_and_cover_exactly_the_pixels_of_their_label(seed):
    labels = blobs(70, 90, seed)
    faces = block_faces(labels)
    assert shapely.is_valid(faces.polygons).all()
    assert np.array_equal(painted(faces.polygons, faces.labels, labels.shape), labels)
    for label in (1, 2, 3):
        assert shapely.area(faces.polygons[faces.labels == label]).sum() == (labels == label).sum()


@pytest.mark.parametrize("seed", range(4))
def test_each_4_connected_area_is_one_polygon(seed):
    labels = np.random.default_rng(seed).integers(0, 3, (40, 50), np.uint8)
    faces = block_faces(labels)
    assert len(faces.polygons) == components(labels, background=0, connectivity=1).max()
    assert np.array_equal(painted(faces.polygons, faces.labels, labels.shape), labels)


@pytest.mark.parametrize("seed", range(3))
def test_borders_name_the_polygon_at_each_pixel(seed):
    labels = blobs(40, 60, seed)
    faces = block_faces(labels)
    sides = {"top": labels[0], "bottom": labels[-1], "left": labels[:, 0], "right": labels[:, -1]}
    for side, expected in sides.items():
        numbers = faces.borders[side]
        assert np.array_equal(numbers == NO_FACE, expected == 0)
        assert np.array_equal(faces.labels[numbers[numbers != NO_FACE]], expected[expected > 0])


def test_coordinates_are_those_of_the_whole_image():
    labels = np.zeros((4, 6), np.uint8)
    labels[1:3, 2:5] = 7
    (polygon,) = block_faces(labels, top=2048, left=4096).polygons
    assert polygon.bounds == (4098, 2049, 4101, 2051)
    assert len(polygon.exterior.coords) == 5


def test_empty_blocks_have_no_polygons_and_full_ones_a_square():
    empty, full = block_faces(np.zeros((5, 7), np.uint8)), block_faces(np.full((5, 7), 300, np.uint16))
    assert len(empty.polygons) == len(empty.labels) == 0
    assert (empty.borders["top"] == NO_FACE).all()
    assert full.polygons[0].equals(shapely.box(0, 0, 7, 5))
    assert full.labels.tolist() == [300]


def test_the_outlines_of_hundreds_of_objects_have_their_area():
    labels = discs(1024, 250)
    faces = block_faces(labels)
    assert shapely.area(faces.polygons).sum() == (labels > 0).sum()
