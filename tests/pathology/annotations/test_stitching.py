import subprocess
import sys

import numpy as np
import pytest
import shapely
from skimage.measure import label as components

from nnunetv2.errors import WrongShapeError
from nnunetv2.pathology.annotations import stitching
from nnunetv2.pathology.annotations.stitching import Outline, outlines_of_image, without_straight_points
from tests.pathology.annotations.label_maps import blobs, painted


def outlines(labels: np.ndarray, block: int) -> list[Outline]:
    def read(top: int, left: int, height: int, width: int) -> np.ndarray:
        return labels[top : top + height, left : left + width]

    return list(outlines_of_image(read, *labels.shape, block))


@pytest.mark.parametrize("block", [5, 16, 33, 100])
@pytest.mark.parametrize("seed", range(3))
def test_areas_are_whole_and_exact_whatever_the_blocks(seed, block):
    labels = blobs(50, 70, seed)
    found = outlines(labels, block)
    polygons = [outline.polygon for outline in found]
    assert all(isinstance(polygon, shapely.Polygon) for polygon in polygons)
    assert shapely.is_valid(polygons).all()
    assert len(found) == components(labels, background=0, connectivity=1).max()
    assert np.array_equal(painted(polygons, [outline.label for outline in found], labels.shape), labels)


@pytest.mark.parametrize("seed", range(3))
def test_blocks_leave_no_trace_in_the_outlines(seed):
    labels = blobs(50, 70, seed)
    whole = {shapely.normalize(outline.polygon).wkt for outline in outlines(labels, 100)}
    assert {shapely.normalize(outline.polygon).wkt for outline in outlines(labels, 16)} == whole


def test_an_area_that_winds_through_many_blocks_is_one_outline():
    labels = np.zeros((64, 64), np.uint8)
    labels[::4] = 1
    labels[2:62:8, -1] = labels[3:62:8, -1] = labels[1:62:8, -1] = 1
    labels[5:62:8, 0] = labels[6:62:8, 0] = labels[7:62:8, 0] = 1
    (snake,) = outlines(labels, 16)
    assert snake.polygon.area == labels.sum()


def test_areas_of_other_labels_and_those_that_meet_at_a_corner_stay_apart():
    labels = np.kron([[1, 2, 0], [0, 1, 1], [1, 0, 0]], np.ones((16, 16))).astype(np.uint8)
    found = outlines(labels, 16)
    assert sorted((outline.label, outline.polygon.area) for outline in found) == [
        (1, 256),
        (1, 256),
        (1, 512),
        (2, 256),
    ]


def test_a_full_image_is_one_rectangle_with_four_corners():
    (outline,) = outlines(np.full((50, 40), 2, np.uint8), 16)
    assert len(outline.polygon.exterior.coords) == 5
    assert outline.polygon.equals(shapely.box(0, 0, 40, 50))


def test_finished_areas_leave_before_the_rest_is_read():
    tops = []

    def read(top: int, left: int, height: int, width: int) -> np.ndarray:
        tops.append(top)
        labels = np.zeros((height, width), np.uint8)
        labels[-3:, 4:6] = labels[:2, 4:6] = 1
        return labels

    found = outlines_of_image(read, 1000, 10, 10)
    assert next(found).polygon.bounds == (4, 0, 6, 2)
    assert max(tops) == 0
    assert next(found).polygon.bounds == (4, 7, 6, 12)
    assert max(tops) == 10


def test_what_is_kept_does_not_grow_with_the_height_of_the_image(monkeypatch):
    kept = []
    add = stitching._Front.add

    def watched(self, *args, **options):
        yield from add(self, *args, **options)
        kept.append(len(self._groups) + len(self._parents) + len(self._bottoms))

    monkeypatch.setattr(stitching._Front, "add", watched)
    labels = np.tile(np.kron(np.eye(4, dtype=np.uint8), np.ones((5, 5), np.uint8)), (12, 2))
    outlines(labels, 8)
    assert max(kept[len(kept) // 2 :]) <= max(kept[: len(kept) // 4])


MEMORY_OF_OUTLINES = """
import sys
from nnunetv2.pathology.annotations.stitching import outlines_of_image
from tests.pathology.annotations.label_maps import discs

labels, used = discs(2048, 1000), []

def read(top, left, height, width):
    with open("/proc/self/status") as status:
        used.extend(int(line.split()[1]) for line in status if line.startswith("RssAnon"))
    return labels[:height, :width]

print(sum(1 for _ in outlines_of_image(read, int(sys.argv[1]), 2048)), *used)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux counts it")
def test_the_memory_of_outlines_does_not_grow_with_the_height_of_the_image():
    command = [sys.executable, "-c", MEMORY_OF_OUTLINES, str(2048 * 16)]
    number, *used = map(int, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
    assert number > 10_000
    assert max(used) < 1.05 * max(used[:5])


def test_a_window_of_another_size_than_asked_for_is_an_error():
    with pytest.raises(WrongShapeError, match=r"the window at \(0, 0\) has the shape \(3, 3\), expected \(8, 9\)"):
        list(outlines_of_image(lambda *_: np.zeros((3, 3), np.uint8), 8, 9))


def test_points_at_which_an_outline_does_not_turn_are_left_out():
    ring = [(2, 0), (0, 0), (0, 4), (2, 4), (4, 4), (4, 0)]
    hole = [(1, 1), (1, 2), (1, 3), (3, 3), (3, 1)]
    polygon, other = without_straight_points([shapely.Polygon(ring, [hole]), shapely.box(0, 0, 1, 1)])
    assert sorted(polygon.exterior.coords[:-1]) == [(0, 0), (0, 4), (4, 0), (4, 4)]
    assert len(polygon.interiors[0].coords) == 5
    assert other.equals(shapely.box(0, 0, 1, 1))
    assert without_straight_points([]) == []


def test_an_outline_begins_at_the_top_left_wherever_it_was_begun():
    ring = np.array([(4, 0), (4, 4), (2, 4), (2, 6), (0, 6), (0, 2), (1, 2), (1, 0)])
    turned = [shapely.Polygon(np.roll(ring, number, axis=0)) for number in range(len(ring))]
    assert {polygon.wkt for polygon in without_straight_points(turned)} == {
        shapely.Polygon(np.roll(ring, 1, axis=0)).wkt
    }
