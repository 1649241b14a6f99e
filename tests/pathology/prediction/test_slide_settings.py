"""Values out of range or unknown, each with what is expected instead."""

from typing import Any

import pytest

from nnunetv2.errors import ArgumentError
from nnunetv2.pathology.prediction.deciding_settings import without_effect
from nnunetv2.pathology.prediction.slide_settings import SlideSettings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"mpp": 0.0}, "--mpp 0: expected 0.05 to 20 micrometres per pixel"),
        ({"step_size": 1.5}, "-step_size 1.5: expected above 0, up to 1 (a whole tile)"),
        ({"batch_size": 0}, "-b 0: expected 1 tile or more"),
        ({"memory_gb": 0.01}, "--memory 0.01: expected 0.1 to 999999 GB"),
        ({"stain": "ihc"}, "--stain ihc: expected one of he, any"),
        ({"tissue_mpp": 0.0}, "--tissue_mpp 0: expected 0.05 to 100 micrometres per pixel"),
        ({"tissue_model": "m", "tissue": "none"}, "--tissue_model m: expected no --tissue none beside it"),
        ({"pyramid": "files"}, "--pyramid files: expected one of subifds, pages"),
        ({"margin_um": -1.0}, "--margin -1: expected 0 to 999999 micrometres"),
        ({"icc": "adobe"}, "--icc adobe: expected one of none, srgb"),
        ({"max_failed": 2.0}, "--max_failed 2: expected a share from 0 to 1"),
        (
            {"save": ("labels", "pdf")},
            "--save pdf: expected one of labels, geojson, overlay, zarr, dicom, probabilities",
        ),
        ({"probability_mpp": 0.0}, "--probability_mpp 0: expected 0.05 to 10000 micrometres per pixel"),
        (
            {"normalization": "foo"},
            "--normalization foo: expected one of slide, image, window, dataset, or values:m1,m2,m3/s1,s2,s3",
        ),
        (
            {"mpp": float("nan"), "max_objects": -1, "batch_size": 0},
            "--mpp nan: expected 0.05 to 20 micrometres per pixel; -b 0: expected 1 tile or more",
        ),
        ({"max_objects": 0}, "--max_objects 0: expected 1 or more"),
    ],
)
def test_a_value_out_of_range_is_named_with_what_is_expected(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        SlideSettings(**values)
    assert str(caught.value) == message


def test_settings_that_others_make_pointless_are_named_with_these() -> None:
    assert without_effect(SlideSettings())["tissue_mpp"] == "without --tissue_model"
    assert "stain" not in without_effect(SlideSettings())
    found = without_effect(SlideSettings(tissue="none"))
    assert (found["stain"], found["margin_um"]) == ("with --tissue or --tissue_model", "with --tissue none")
    assert "margin_um" not in without_effect(SlideSettings(tissue="none", roi="areas.geojson"))
