"""The headers of a DICOM slide: all that a segmentation needs of it, without pixels."""

from pathlib import Path
from typing import Any

TILE = 64


def write_dicom_slide(folder: Path, width: int, height: int, downsamples: tuple[int, ...] = (1, 2)) -> Path:
    """Write a file for each level of a slide and return its folder."""
    from pydicom.uid import generate_uid

    folder.mkdir(parents=True)
    study = {name: generate_uid() for name in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")}
    for number, downsample in enumerate(downsamples):
        header = _header(width // downsample, height // downsample, 0.0005 * downsample)
        header.update({**study, "SOPInstanceUID": header.file_meta.MediaStorageSOPInstanceUID})
        header.InstanceNumber = number + 1
        header.save_as(folder / f"level_{number}.dcm", enforce_file_format=True)
    return folder


def _header(width: int, height: int, spacing_mm: float) -> Any:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, VLWholeSlideMicroscopyImageStorage, generate_uid

    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID = VLWholeSlideMicroscopyImageStorage
    header.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    for name in ("PatientID", "PatientName", "PatientSex", "PatientBirthDate", "AccessionNumber", "StudyID"):
        setattr(header, name, "")
    for name in ("StudyDate", "StudyTime", "ReferringPhysicianName"):
        setattr(header, name, "")
    header.Modality = "SM"
    header.ContainerIdentifier = "c"
    header.IssuerOfTheContainerIdentifierSequence = []
    header.ContainerTypeCodeSequence = []
    header.SpecimenDescriptionSequence = []
    header.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    header.Rows = header.Columns = TILE
    header.TotalPixelMatrixColumns, header.TotalPixelMatrixRows = width, height
    header.NumberOfFrames = -(-width // TILE) * -(-height // TILE)
    header.DimensionOrganizationType = "TILED_FULL"
    header.SamplesPerPixel, header.PhotometricInterpretation, header.PlanarConfiguration = 3, "RGB", 0
    header.BitsAllocated = header.BitsStored = 8
    header.HighBit, header.PixelRepresentation = 7, 0
    header.TotalPixelMatrixFocalPlanes = header.NumberOfOpticalPaths = 1
    header.ImageOrientationSlide = [0, -1, 0, -1, 0, 0]
    header.ImagedVolumeWidth, header.ImagedVolumeHeight = width * spacing_mm, height * spacing_mm
    header.ImagedVolumeDepth = 1
    _place(header, spacing_mm)
    return header


def _place(header: Any, spacing_mm: float) -> None:
    from pydicom.dataset import Dataset

    origin, measures, shared, path = Dataset(), Dataset(), Dataset(), Dataset()
    origin.XOffsetInSlideCoordinateSystem = origin.YOffsetInSlideCoordinateSystem = 0
    header.TotalPixelMatrixOriginSequence = [origin]
    measures.PixelSpacing, measures.SliceThickness = [spacing_mm, spacing_mm], 1
    shared.PixelMeasuresSequence = [measures]
    header.SharedFunctionalGroupsSequence = [shared]
    path.OpticalPathIdentifier = "1"
    header.OpticalPathSequence = [path]
