"""DICOM segmentations, read back; skipped without the extra `dicom`, but for the messages that name it."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnunetv2.errors import ArgumentError, DriftError, SettingsError, SlideError
from nnunetv2.pathology.outputs import dicom_seg, dicom_source
from nnunetv2.pathology.outputs.export_settings import DICOM_TYPES, ExportSettings
from nnunetv2.pathology.outputs.labelled_slide import LabelledSlide
from nnunetv2.pathology.outputs.slide_export import export_slide
from nnunetv2.pathology.outputs.slide_files import require_inputs, require_packages
from tests.pathology.outputs.dicom_slide import write_dicom_slide
from tests.pathology.outputs.predicted_slide import CLASSES, SIZE, write_predicted_slide

SCALE = 2.2
"""Pixels of the slide along the edge of a label, in `write_predicted_slide`."""
SLIDE = int(SIZE[1] * SCALE), int(SIZE[0] * SCALE)
DICOM = ExportSettings(("dicom",))


@pytest.fixture
def highdicom() -> Any:
    pytest.importorskip("openjpeg")
    return pytest.importorskip("highdicom")


def labels_at(labels: np.ndarray, downsample: int) -> np.ndarray:
    """Return the labels at the centres of the pixels of a level."""
    y, x = (
        np.minimum((np.arange(length // downsample) + 0.5) * (downsample / SCALE), limit - 1).astype(int)
        for length, limit in zip(SLIDE[::-1], SIZE, strict=True)
    )
    return labels[np.ix_(y, x)]


@pytest.mark.parametrize("kind", DICOM_TYPES)
def test_labels_come_back_as_segments_of_the_finest_level(highdicom: Any, tmp_path: Path, kind: str) -> None:
    labels = write_predicted_slide(tmp_path / "s")
    source = write_dicom_slide(tmp_path / "slide", *SLIDE)
    export_slide(tmp_path / "s", replace(DICOM, dicom_type=kind), str(source))
    found = highdicom.seg.segread(tmp_path / "s/labels_seg.dcm")
    assert np.array_equal(found.get_total_pixel_matrix(combine_segments=True), labels_at(labels, 1))
    names = {entry.SegmentNumber: entry.SegmentLabel for entry in found.SegmentSequence if entry.SegmentNumber}
    assert names == {label: name for name, label in CLASSES.items()}
    finest = dicom_source.source_levels(str(source))[0].header
    (series,) = found.ReferencedSeriesSequence
    assert found.StudyInstanceUID == finest.StudyInstanceUID
    assert series.ReferencedInstanceSequence[0].ReferencedSOPInstanceUID == finest.SOPInstanceUID
    assert found.SegmentSequence[-1].SegmentationAlgorithmIdentificationSequence[0].AlgorithmName == "tiny"


def test_chosen_classes_are_numbered_without_gaps_where_masks_need_that(highdicom: Any, tmp_path: Path) -> None:
    labels = write_predicted_slide(tmp_path / "s")
    source = str(write_dicom_slide(tmp_path / "slide", *SLIDE))
    wanted = labels_at(labels, 1) == CLASSES["rare"]
    for kind, number in (("binary", 1), ("labelmap", 3)):
        export_slide(tmp_path / "s", replace(DICOM, classes=("rare",), dicom_type=kind), source)
        found = highdicom.seg.segread(tmp_path / "s/labels_seg.dcm")
        matrix = found.get_total_pixel_matrix(combine_segments=True)
        assert np.array_equal(matrix == number, wanted)
        assert found.SegmentSequence[-1].SegmentNumber == number


def test_a_level_is_taken_that_fits_into_the_memory(
    highdicom: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    labels = write_predicted_slide(tmp_path / "s")
    source = str(write_dicom_slide(tmp_path / "slide", *SLIDE, downsamples=(1, 2, 4)))
    monkeypatch.setattr(dicom_source, "BYTES_PER_PIXEL", 2e8 / (SLIDE[0] * SLIDE[1]))
    with caplog.at_level(logging.INFO):
        export_slide(tmp_path / "s", replace(DICOM, memory_gb=0.1), source)
    found = highdicom.seg.segread(tmp_path / "s/labels_seg.dcm")
    assert np.array_equal(found.get_total_pixel_matrix(combine_segments=True), labels_at(labels, 2))
    assert "labels_seg.dcm is of level 1, 374 x 286 pixels" in caplog.text
    monkeypatch.setattr(dicom_source, "BYTES_PER_PIXEL", 1e9)
    with pytest.raises(SlideError, match=r"its coarsest level needs .* raise --memory"):
        export_slide(tmp_path / "s", DICOM, source)


def test_classes_have_the_codes_of_a_file(highdicom: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_predicted_slide(tmp_path / "s")
    source = str(write_dicom_slide(tmp_path / "slide", *SLIDE))
    codes = tmp_path / "codes.json"
    kind = ["108369006", "SCT", "Neoplasm"]
    codes.write_text(json.dumps({"rare": [["49755003", "SCT", "Morphologically Abnormal Structure"], kind]}))
    export_slide(tmp_path / "s", replace(DICOM, dicom_codes=str(codes)), source)
    found = highdicom.seg.segread(tmp_path / "s/labels_seg.dcm")
    types = {
        entry.SegmentLabel: entry.SegmentedPropertyTypeCodeSequence[0].CodeMeaning for entry in found.SegmentSequence
    }
    assert types == {"outer": "Tissue", "inner ring": "Tissue", "rare": "Neoplasm"}
    assert "classes without codes of their own (--dicom_codes): outer, inner ring" in caplog.text


def test_codes_may_be_of_classes_that_are_not_shown(highdicom: Any, tmp_path: Path, caplog: Any) -> None:
    write_predicted_slide(tmp_path / "s")
    source = str(write_dicom_slide(tmp_path / "slide", *SLIDE))
    codes = tmp_path / "codes.json"
    codes.write_text(json.dumps({name: [["49755003", "SCT", name], ["1", "SCT", name]] for name in ("outer", "rare")}))
    settings = replace(DICOM, classes=("rare",), dicom_codes=str(codes))
    require_inputs(settings, CLASSES, [])
    export_slide(tmp_path / "s", settings, source)
    (segment,) = highdicom.seg.segread(tmp_path / "s/labels_seg.dcm").SegmentSequence
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "rare"
    assert "classes without codes" not in caplog.text


def test_codes_that_cannot_be_used_are_named_before_anything_is_predicted(tmp_path: Path) -> None:
    codes = tmp_path / "codes.json"
    settings = replace(DICOM, dicom_codes=str(codes))
    with pytest.raises(DriftError, match=r"codes\.json"):
        require_inputs(settings, CLASSES, [])
    codes.write_text(json.dumps({"outre": [["1", "SCT", "x"]] * 2}))
    with pytest.raises(ArgumentError, match=r"'outre' is no class.*outer"):
        require_inputs(settings, CLASSES, [])
    codes.write_text(json.dumps({"outer": [["1", "SCT"]]}))
    with pytest.raises(DriftError, match="outer"):
        require_inputs(settings, CLASSES, [])


def test_other_slides_are_named_before_anything_is_predicted(tmp_path: Path) -> None:
    (tmp_path / "a.svs").write_bytes(b"II*\0" * 50)
    with pytest.raises(SlideError, match=r"a\.svs: --save dicom is for DICOM slides only"):
        require_inputs(DICOM, CLASSES, [str(tmp_path / "a.svs")])
    require_inputs(ExportSettings(("geojson",)), CLASSES, [str(tmp_path / "a.svs")])


def test_labels_of_another_slide_are_refused(highdicom: Any, tmp_path: Path) -> None:
    write_predicted_slide(tmp_path / "s")
    source = write_dicom_slide(tmp_path / "slide", SLIDE[0] + 64, SLIDE[1])
    with pytest.raises(SlideError, match="is it another one"):
        export_slide(tmp_path / "s", DICOM, str(source))
    with pytest.raises(SlideError, match="its DICOM files are not known"):
        export_slide(tmp_path / "s", DICOM)


def without(source: Path, *names: str) -> None:
    """Remove attributes of the finest level."""
    import pydicom

    header = pydicom.dcmread(source / "level_0.dcm")
    for name in names:
        delattr(header, name)
    header.save_as(source / "level_0.dcm", enforce_file_format=True)


@pytest.mark.parametrize("name", ["FrameOfReferenceUID", "TotalPixelMatrixOriginSequence", "StudyInstanceUID", "Rows"])
def test_attributes_that_are_needed_are_named(highdicom: Any, tmp_path: Path, name: str) -> None:
    source = write_dicom_slide(tmp_path / "slide", *SLIDE, downsamples=(1,))
    without(source, name)
    with pytest.raises(SlideError, match=rf"level_0\.dcm: lacks {name}"):
        dicom_source.source_levels(str(source))


def test_a_size_that_is_no_number_is_named(highdicom: Any, tmp_path: Path) -> None:
    import pydicom

    source = write_dicom_slide(tmp_path / "slide", *SLIDE, downsamples=(1,))
    header = pydicom.dcmread(source / "level_0.dcm")
    header.TotalPixelMatrixColumns = [10, 20]
    header.save_as(source / "level_0.dcm", enforce_file_format=True)
    with pytest.raises(SlideError, match=r"level_0\.dcm: its TotalPixelMatrixColumns is \[10, 20\], expected"):
        dicom_source.source_levels(str(source))


def test_a_slide_without_a_patient_can_be_referred_to(highdicom: Any, tmp_path: Path) -> None:
    write_predicted_slide(tmp_path / "s")
    source = write_dicom_slide(tmp_path / "slide", *SLIDE, downsamples=(1,))
    without(source, "PatientID", "PatientName", "StudyID")
    export_slide(tmp_path / "s", DICOM, str(source))
    assert highdicom.seg.segread(tmp_path / "s/labels_seg.dcm").PatientID == ""


def test_what_highdicom_refuses_is_an_error_of_the_slide(
    highdicom: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise RuntimeError("object\nof type 'NoneType' has no len()")

    write_predicted_slide(tmp_path / "s")
    source = write_dicom_slide(tmp_path / "slide", *SLIDE, downsamples=(1,))
    monkeypatch.setattr(highdicom.seg, "Segmentation", refuse)
    with pytest.raises(SlideError, match=r"slide: its DICOM attributes do not suffice .*RuntimeError: object of type"):
        export_slide(tmp_path / "s", DICOM, str(source))
    assert not (tmp_path / "s/labels_seg.dcm").exists()


def test_damaged_files_are_named(highdicom: Any, tmp_path: Path) -> None:
    source = write_dicom_slide(tmp_path / "slide", *SLIDE, downsamples=(1,))
    (source / "copy.dcm").write_bytes((source / "level_0.dcm").read_bytes())
    with pytest.raises(SlideError, match="a level in several files"):
        dicom_source.source_levels(str(source))
    with pytest.raises(DriftError, match=r"none\.dcm"):
        dicom_source.source_levels(str(source / "none.dcm"))


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicom_seg, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install nnunetv2\[dicom\]"):
        require_packages(DICOM)


@pytest.mark.real
def test_a_real_slide_is_referred_to(highdicom: Any, real_data: Path, tmp_path: Path) -> None:
    width, height = 1280, 1536
    labels = np.random.default_rng(0).integers(0, 4, (height, width), np.uint8)
    slide = LabelledSlide(
        "s",
        "tiny",
        "77ab",
        CLASSES,
        lambda top, left, rows, columns: labels[top : top + rows, left : left + columns],
        height,
        width,
        (1.0, 1.0),
        (0.5, 0.5),
        (0.5, 0.5),
        [],
        1.0,
        path=str(real_data / "wsi/dicom_cmu"),
    )
    dicom_seg.write_dicom_seg(slide, DICOM, tmp_path)
    found = highdicom.seg.segread(tmp_path / "labels_seg.dcm")
    assert np.array_equal(found.get_total_pixel_matrix(combine_segments=True), labels)
