"""What runs in a model's container: `python -m nnunetv2.model_container.algorithm --model FOLDER`.

Every file in a folder of /input/images becomes a label image in /output/images/NAME.
"""

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nnunetv2.errors import ImageProblemError, MissingFileError, SlideError
from nnunetv2.foundation.command_line import command, fold
from nnunetv2.foundation.files import replacing
from nnunetv2.imageio.reading_errors import reading_volume
from s1.file_endings import PICTURE_ENDINGS, label_ending
from s1.listed_files import list_files
from s1.problem_lists import raise_together

_ITK = (".mha", ".mhd", ".nii", ".nii.gz", ".nrrd")
_ENDINGS = tuple(sorted((*PICTURE_ENDINGS, *_ITK), key=len, reverse=True))


@command
def main() -> None:
    """Predict everything in the input folder. Ends with exit code 2 if an image cannot be predicted."""
    arguments = algorithm_parser().parse_args()
    images = input_images(Path(arguments.input))
    target = Path(arguments.output) / "images" / arguments.output_name
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        if arguments.slides:
            predict_whole_slides(images, target, arguments, Path(scratch))
        else:
            predict_images(images, target, arguments, Path(scratch))


def algorithm_parser() -> argparse.ArgumentParser:
    """Return the parser of the program."""
    parser = argparse.ArgumentParser(description="Predict all images in /input/images/*/ into /output/images/NAME/.")
    parser.add_argument("--model", required=True, metavar="FOLDER", help="folder of the trained model")
    parser.add_argument("--input", default="/input", metavar="FOLDER", help="default %(default)s")
    parser.add_argument("--output", default="/output", metavar="FOLDER", help="default %(default)s")
    parser.add_argument("--output_name", default="segmentation", metavar="NAME", help="default %(default)s")
    parser.add_argument("-f", nargs="+", type=fold, metavar="FOLD", help="folds (default: all)")
    parser.add_argument("-chk", default="checkpoint_final.pth", metavar="FILE", help="default %(default)s")
    parser.add_argument("-device", help="cpu or cuda (default: cuda where there is a GPU)")
    parser.add_argument("--slides", action="store_true", help="inputs are whole slides")
    parser.add_argument("--tissue", choices=["auto", "none"], default="auto", help="where slides are predicted")
    parser.add_argument("--mpp", type=float, metavar="UM", help="micrometres per pixel of the model, for slides")
    return parser


def input_images(folder: Path) -> list[Path]:
    """Return the files in the folders of `images`. Raises MissingFileError if there are none."""
    places = sorted(place for place in (folder / "images").glob("*") if place.is_dir())
    files = [place / name for place in places for name in list_files(place).names]
    if not files:
        raise MissingFileError(f"{folder / 'images'}: expected a folder with images in it")
    return files


def predict_images(images: Sequence[Path], target: Path, arguments: argparse.Namespace, scratch: Path) -> None:
    """Predict images one after the other, and write labels as .mha, whatever the model's own format is."""
    from nnunetv2.inference.predict_folder import choose_device
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(device=choose_device(arguments.device), allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(arguments.model, arguments.f, checkpoint_name=arguments.chk)
    ending = predictor.dataset_json["file_ending"]
    names = [_stem(image) for image in images]
    inputs = [[str(_as_readable(image, ending, scratch))] for image in images]
    labels = scratch / "labels"
    predictor.predict_from_files_sequential(inputs, [str(labels / name) for name in names])
    for name in names:
        _write_mha(labels / f"{name}{label_ending(ending)}", target / f"{name}.mha")


def predict_whole_slides(images: Sequence[Path], target: Path, arguments: argparse.Namespace, scratch: Path) -> None:
    """Predict slides, and write their labels as TIFF pyramids: background where no tissue is found.

    Raises SlideError naming slides that cannot be predicted.
    """
    from nnunetv2.inference.predict_folder import choose_device
    from nnunetv2.pathology.prediction.predict_slides import predict_slides
    from nnunetv2.pathology.prediction.slide_settings import SlideSettings

    found = predict_slides(
        images,
        scratch / "slides",
        arguments.model,
        SlideSettings(mpp=arguments.mpp, save=("labels",), tissue=arguments.tissue),
        device=choose_device(arguments.device),
        folds=tuple(arguments.f) if arguments.f else None,
        checkpoint_name=arguments.chk,
    )
    for name in found.slides:
        with replacing(target / f"{name}.tif") as temporary:
            shutil.copyfile(scratch / "slides" / name / "labels.ome.tif", temporary)
    raise_together(SlideError, "slides without labels", found.problems)


def _stem(file: Path) -> str:
    ending = next((ending for ending in _ENDINGS if file.name.lower().endswith(ending)), file.suffix)
    return file.name[: len(file.name) - len(ending)]


def _as_readable(image: Path, file_ending: str, scratch: Path) -> Path:
    """Return a file that the model's reader reads: colour images in ITK's formats become PNG for models of pictures."""
    if file_ending.lower() not in PICTURE_ENDINGS or not image.name.lower().endswith(_ITK):
        return image
    from PIL import Image

    pixels = _picture_in(image)
    target = scratch / f"{_stem(image)}.png"
    Image.fromarray(pixels).save(target)
    return target


def _picture_in(image: Path) -> np.ndarray:
    """Return (H, W) or (H, W, 3) of a file in one of ITK's formats, a volume of one slice included."""
    import SimpleITK as sitk

    with reading_volume(str(image)):
        stored = sitk.ReadImage(str(image))
        pixels = sitk.GetArrayFromImage(stored)
    if stored.GetDimension() == 3 and pixels.shape[0] == 1:
        pixels = pixels[0]
    channels = stored.GetNumberOfComponentsPerPixel()
    is_grey = channels == 1 and pixels.ndim == 2 and pixels.dtype in (np.uint8, np.uint16)
    if not is_grey and not (channels == 3 and pixels.ndim == 3 and pixels.dtype == np.uint8):
        raise ImageProblemError(
            f"{image}: {pixels.dtype} values of shape {pixels.shape}, expected one picture: 8-bit RGB, or grey of 8 or"
            " 16 bits"
        )
    return pixels


def _write_mha(labels: Path, target: Path) -> None:
    import SimpleITK as sitk

    if labels.name.lower().endswith(PICTURE_ENDINGS):
        from nnunetv2.imageio.natural_image_files import read_label_pixels

        image = sitk.GetImageFromArray(np.ascontiguousarray(read_label_pixels(str(labels))))
    else:
        image = sitk.ReadImage(str(labels))
    with replacing(target) as temporary:
        sitk.WriteImage(image, str(temporary), useCompression=True)


if __name__ == "__main__":
    main()
