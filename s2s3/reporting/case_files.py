"""Find and read the image, reference and prediction of a case to show in the report."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnunetv2.errors import DriftError, ImageProblemError, UnfitImageError
from nnunetv2.file_kinds.result_files import PREDICTION_ARGUMENTS
from nnunetv2.foundation.files import read_json
from nnunetv2.reporting.evaluation_results import BadCase
from s1.file_endings import PICTURE_ENDINGS, label_ending

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class CasePicture:
    """One plane of a case."""

    image: Array
    """(H, W, 3), 8 bit."""
    reference: Array
    """Labels (H, W)."""
    prediction: Array
    """Labels (H, W)."""
    plane: int | None
    """Index of the plane in a volume, None for a 2D image."""


@dataclass(frozen=True)
class PictureFolders:
    """Folders to search for files, besides the paths in the evaluation."""

    results: Path
    """Folder of the predictions."""
    images: tuple[Path, ...]
    """Folders of images; the first one with the case is used."""
    references: tuple[Path, ...]
    """Folders with reference label files."""


def picture_folders(results: Path, raw: Path | None, images_dir: Path | None) -> PictureFolders:
    """Return the folders to search: `images_dir` first, then the source of the predictions, then the raw dataset."""
    given = [images_dir] if images_dir else []
    raw_images = [raw / "imagesTr", raw / "imagesTs"] if raw else []
    raw_labels = [raw / "labelsTr", raw / "labelsTs"] if raw else []
    return PictureFolders(results, tuple([*given, *_predicted_from(results), *raw_images]), tuple(raw_labels))


def read_case_picture(case: BadCase, folders: PictureFolders, file_ending: str) -> CasePicture:
    """Read a case; for a volume, the plane where prediction and reference differ most.

    Raises ImageProblemError if a file is not found, naming the folders searched, or cannot be shown.
    """
    name = Path(case.prediction_file).name
    prediction = _read(_find("prediction", [Path(case.prediction_file), folders.results / name]), is_label=True)
    references = [
        Path(case.reference_file),
        *(folder / Path(case.reference_file).name for folder in folders.references),
    ]
    reference = _read(_find("reference", references), is_label=True)
    stem = name.removesuffix(label_ending(file_ending))
    image = _read(_find("image", _image_candidates(stem, file_ending, folders.images)))
    plane = None
    if prediction.shape != reference.shape:
        raise ImageProblemError(f"prediction {prediction.shape} and reference {reference.shape} differ in shape")
    if prediction.ndim == 3:
        plane = int(np.argmax((prediction != reference).sum(axis=(1, 2))))
        image, reference, prediction = image[plane], reference[plane], prediction[plane]
    if image.shape[:2] != reference.shape:
        raise ImageProblemError(f"image {image.shape} and reference {reference.shape} differ in shape")
    return CasePicture(_as_colour(image), reference, prediction, plane)


def _predicted_from(results: Path) -> Iterator[Path]:
    """Yield the folders of the predicted images, as recorded by nnUNetv2_predict."""
    arguments = results / "predict_from_raw_data_args.json"
    if arguments.is_file():
        source = read_json(arguments, PREDICTION_ARGUMENTS).get("list_of_lists_or_source_folder")
        if isinstance(source, str):
            yield Path(source)
        elif isinstance(source, list):
            yield from dict.fromkeys(Path(files[0]).parent for files in source if files and isinstance(files, list))


def _image_candidates(stem: str, ending: str, folders: Sequence[Path]) -> list[Path]:
    return [folder / name for folder in folders for name in (f"{stem}_0000{ending}", f"{stem}{ending}")]


def _find(what: str, candidates: Sequence[Path]) -> Path:
    for path in candidates:
        if path.is_file():
            return path
    looked = ", ".join(dict.fromkeys(str(path.parent) for path in candidates)) or "no folder (give --images-dir)"
    raise ImageProblemError(f"{what} {candidates[0].name if candidates else 'file'} not found in {looked}")


def _read(path: Path, is_label: bool = False) -> Array:
    """Read an image, or labels (*S), as training does."""
    try:
        if path.name.lower().endswith(PICTURE_ENDINGS):
            return _read_picture(path, is_label)
        import SimpleITK

        return SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
    except DriftError:
        raise
    except Exception as error:  # each format has errors of its own
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise ImageProblemError(f"{path} cannot be read ({reason})") from None


def _read_picture(path: Path, is_label: bool) -> Array:
    """Read a 2D image, or a stack of planes in a TIFF file."""
    from s1.shown_pixels import read_shown_labels, read_shown_pixels
    from s1.tiff_files import is_tiff, read_tiff_stack

    try:
        return (read_shown_labels if is_label else read_shown_pixels)(path).pixels
    except UnfitImageError:
        if not is_tiff(path):
            raise
        stack = read_tiff_stack(path, is_label)
        if stack.ndim != 3:
            raise
        return stack


def _as_colour(image: Array) -> Array:
    """Return an image as 8-bit RGB; grey values beyond 8 bit are stretched between their 1st and 99th percentile."""
    image = image[..., :3] if image.ndim == 3 and image.shape[-1] >= 3 else image.reshape(image.shape[:2])
    if image.dtype != np.uint8:
        low, high = np.percentile(image, [1, 99])
        image = (np.clip((image - low) / max(float(high - low), 1e-8), 0, 1) * 255).astype(np.uint8)
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
