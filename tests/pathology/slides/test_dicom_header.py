"""The series of DICOM files, found without a library, beside pydicom's answer."""

import struct
from pathlib import Path
from typing import Any

import pytest

from nnunetv2.pathology.slides.dicom_header import series_in_header

EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED = (
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",
)
SERIES = "1.2.826.0.1.3680043.10.511.3.7"


def element(group: int, number: int, kind: bytes, value: bytes) -> bytes:
    value += b"\0" * (len(value) % 2)
    return struct.pack("<HH2sH", group, number, kind, len(value)) + value


def file_with(*elements: bytes, syntax: str = EXPLICIT) -> bytes:
    return bytes(128) + b"DICM" + element(2, 0x10, b"UI", syntax.encode()) + b"".join(elements)


def written(folder: Path, content: bytes) -> Path:
    (folder / "a.dcm").write_bytes(content)
    return folder / "a.dcm"


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize("has_lengths", [True, False], ids=["lengths", "ends"])
def test_series_within_sequences_are_not_that_of_the_file(tmp_path: Path, syntax: str, has_lengths: bool) -> None:
    pytest.importorskip("pydicom")
    from pydicom import dcmread, uid
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.sequence import Sequence

    header, item, inner = Dataset(), Dataset(), Dataset()
    inner.SeriesInstanceUID, item.SeriesInstanceUID, header.SeriesInstanceUID = "1.1", "1.2", SERIES
    item.ReferencedInstanceSequence = Sequence([inner, Dataset()])
    header.ReferencedSeriesSequence, header.PatientName = Sequence([item, item]), "A^B"
    header.add_new(0x00091001, "OB", bytes(1001))
    for sequence in (header.ReferencedSeriesSequence, item.ReferencedInstanceSequence):
        _set_ends(sequence, has_lengths)
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = uid.UID(syntax)
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID = uid.VLWholeSlideMicroscopyImageStorage
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID = "1.9"
    header.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert series_in_header(tmp_path / "a.dcm") == dcmread(tmp_path / "a.dcm").SeriesInstanceUID == SERIES


def _set_ends(sequence: Any, has_lengths: bool) -> None:
    sequence.is_undefined_length = not has_lengths
    for item in sequence:
        item.is_undefined_length_sequence_item = not has_lengths


OPEN_UNKNOWN = struct.pack("<HH2sHI", 9, 0x1001, b"UN", 0, 0xFFFFFFFF)
THE_SERIES = element(0x20, 0xE, b"UI", SERIES.encode())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"DICM" * 100,
        file_with(),
        file_with(THE_SERIES, syntax=BIG_ENDIAN),
        file_with(THE_SERIES, syntax=DEFLATED),
        file_with(OPEN_UNKNOWN, THE_SERIES),
        file_with(element(0x20, 0x10, b"SH", b"7"), THE_SERIES),
        file_with(element(0x20, 0xE, b"UI", b"../../etc")),
        file_with(element(0x20, 0xE, b"UI", b"")),
        file_with(element(0x20, 0xE, b"UI", b"1" * 66)),
        file_with(*[struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)] * 3, THE_SERIES),
        file_with(*[element(8, 0x10, b"LO", bytes(65534))] * 5, THE_SERIES),
    ],
)
def test_what_the_walk_does_not_know_is_left_to_others(tmp_path: Path, content: bytes) -> None:
    assert series_in_header(written(tmp_path, content)) is None


def test_a_file_cut_off_before_its_series_ends_has_none(tmp_path: Path) -> None:
    whole = file_with(element(8, 0x60, b"CS", b"SM"), THE_SERIES)
    found = [series_in_header(written(tmp_path, whole[:end])) for end in range(len(whole) + 1)]
    assert found == [None] * len(whole) + [SERIES]
