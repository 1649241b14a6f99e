"""Values out of range, and settings that the outputs to make do not depend on."""

from typing import Any

import pytest

from nnunetv2.errors import ArgumentError
from nnunetv2.pathology.outputs.export_settings import ExportSettings, without_outputs


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"simplify_um": -1.0}, "--simplify -1: expected 0 to 999999 micrometres"),
        ({"min_area_um2": float("nan")}, "--min_area nan: expected 0 or more square micrometres"),
        ({"objects": "cell"}, "--objects cell: expected one of auto, annotation, detection"),
        ({"max_objects": 0}, "--max_objects 0: expected 1 or more"),
        ({"frame": "slide"}, "--frame slide: expected one of content, file"),
        ({"dicom_type": "seg"}, "--dicom_type seg: expected one of binary, labelmap, labelmap_jpeg2000"),
        ({"memory_gb": 0.0}, "--memory 0: expected 0.1 to 999999 GB"),
        ({"classes": ()}, "--classes : expected names of classes"),
    ],
)
def test_a_value_out_of_range_is_named_with_what_is_expected(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        ExportSettings(**values)
    assert str(caught.value) == message


def test_settings_that_no_output_depends_on_are_named_with_the_outputs_that_do() -> None:
    found = without_outputs(("labels", "overlay"))
    assert found["max_objects"] == "without geojson in --save"
    assert found["dicom_codes"] == "without dicom in --save"
    assert not {"classes", "pyramid"} & set(found)
    assert without_outputs(("zarr",))["classes"] == "without geojson or overlay or dicom or probabilities in --save"
