import numpy as np
import pytest

from nnunetv2.errors import ArgumentError
from nnunetv2.pathology.annotations.geojson_writer import ClassObjects
from nnunetv2.pathology.outputs.measurements import (
    PixelSizes,
    area_ratio,
    class_measurements,
    count_labels,
    measurements_content,
    summary_row,
)

LABELS = {"background": 0, "Tumor": 1, "a/b": 2, "Stroma": 300}
SIZES = PixelSizes(labels=(0.5, 1.0), slide=(0.25, 0.5))
COUNTS = np.zeros(2**16, np.int64)
COUNTS[[0, 1, 300]] = 9_000_000, 2_000_000, 4_000_000
OBJECTS = {"Tumor": ClassObjects(3, 1_000_000), "Stroma": ClassObjects()}
MEASURED = class_measurements(COUNTS, LABELS, SIZES, 4.0, OBJECTS)


def test_every_pixel_of_the_image_is_counted_once():
    labels = np.random.default_rng(0).integers(0, 400, (2500, 30), np.uint16)
    counts = count_labels(lambda top, left, height, width: labels[top : top + height, left : left + width], 2500, 30)
    assert np.array_equal(counts, np.bincount(labels.ravel(), minlength=2**16))


def test_areas_follow_from_the_pixel_sizes_of_labels_and_slide():
    tumor, _, stroma = MEASURED
    assert (tumor.name, tumor.pixels, tumor.area_mm2, tumor.share_of_tissue) == ("Tumor", 2_000_000, 1.0, 0.25)
    assert (tumor.objects, tumor.largest_object_mm2) == (3, 0.125)
    assert (stroma.label, stroma.area_mm2, stroma.objects, stroma.largest_object_mm2) == (300, 2.0, 0, 0)


def test_objects_of_classes_whose_outlines_were_not_drawn_are_not_counted_as_none():
    _, not_drawn, without_any = MEASURED
    assert (not_drawn.name, not_drawn.objects, not_drawn.largest_object_mm2) == ("a/b", None, None)
    assert (without_any.objects, without_any.largest_object_mm2) == (0, 0)
    assert {entry.objects for entry in class_measurements(COUNTS, LABELS, SIZES, 4.0)} == {None}


def test_without_tissue_there_are_no_shares():
    assert class_measurements(COUNTS, LABELS, SIZES, 0.0)[0].share_of_tissue is None


def test_ratios_are_of_areas_and_names_may_contain_a_slash():
    assert area_ratio(MEASURED, "Tumor/Stroma") == 0.5
    assert area_ratio(MEASURED, "a/b/Tumor") == 0
    assert area_ratio(MEASURED, "Tumor/a/b") is None
    for wrong in ("Tumor", "Tumor/Necrosis", "background/Tumor"):
        with pytest.raises(ArgumentError, match="expected two classes with a slash between, out of Tumor, a/b, Stroma"):
            area_ratio(MEASURED, wrong)


def test_the_summary_has_one_column_for_each_number():
    content = measurements_content(MEASURED, 4.0, ["Tumor/Stroma"], tiles_predicted=7, seconds={"network": 1})
    row = summary_row("a.svs", content)
    assert row["Tumor area_mm2"] == 1.0
    assert row["ratio Tumor/Stroma"] == 0.5
    assert row["tiles_predicted"] == 7
    assert "seconds" not in row
    assert list(row)[:2] == ["slide", "tissue_mm2"]
