"""Pictures of single cases with their labels, one PNG per case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os.path import basename, join
from typing import TYPE_CHECKING, Any

import numpy as np

from nnunetv2.errors import ArgumentError, UnfitImageError, WrongShapeError
from nnunetv2.foundation.files import replacing
from nnunetv2.foundation.workers import run_cases
from nnunetv2.overlays.legend import add_legend
from nnunetv2.overlays.rendering import colour_of, generate_overlay, select_slice_to_plot2
from s1.orientation import UPRIGHT, orientation_problems

if TYPE_CHECKING:
    from nnunetv2.imageio.base_reader_writer import BaseReaderWriter
    from nnunetv2.preprocessing.storage.base_dataset import nnUNetBaseDataset

LabelNames = Mapping[int, str]


def plot_overlay(
    image_file: str,
    segmentation_file: str,
    image_reader_writer: BaseReaderWriter,
    output_file: str,
    overlay_intensity: float = 0.6,
    label_names: LabelNames | None = None,
) -> None:
    """Draw the labels of a case over one of its files, in the plane that shows the most of all classes.

    A file with three or four channels and one plane is a photograph and shown in colour, with the label names below;
    of others the first channel is shown in grey.
    """
    image, of_image = _read_image(image_reader_writer, image_file)
    read_labels = getattr(image_reader_writer, "read_stored_seg", image_reader_writer.read_seg)
    (segmentation,), of_labels = read_labels(segmentation_file)
    if image.ndim != 4 or image.shape[1:] != segmentation.shape:
        raise WrongShapeError(
            f"{image_file} has shape {image.shape} and {segmentation_file} {segmentation.shape}; "
            "expected (C, x, y, z) and the same (x, y, z)"
        )
    tag, label_tag = (properties.get("orientation", UPRIGHT) for properties in (of_image, of_labels))
    for problem in orientation_problems(tag, label_tag, image_file, segmentation_file, image.shape[2:]):
        raise UnfitImageError(problem)
    channels = slice(0, 3) if image.shape[0] in (3, 4) and image.shape[1] == 1 else 0
    _draw(image, channels, segmentation, output_file, overlay_intensity, label_names)


def _read_image(reader: BaseReaderWriter, file: str) -> tuple[np.ndarray, Mapping[str, Any]]:
    """Return the image and properties of read_images; colours in the type of the file, grey values as float32.

    A reader of others may have `read_images` and `read_seg` alone, as in nnU-Net.
    """
    if not hasattr(reader, "read_stored"):
        return reader.read_images((file,))
    (image,), properties = reader.read_stored((file,))
    return (image if len(image) in (3, 4) else np.asarray(image, np.float32)), properties


def plot_overlay_preprocessed(
    dataset: nnUNetBaseDataset,
    k: str,
    output_folder: str,
    overlay_intensity: float = 0.6,
    channel_idx: int = 0,
    label_names: LabelNames | None = None,
    in_colour: bool = False,
) -> None:
    """Draw the labels of the preprocessed case `k` into `<output_folder>/<k>.png`; labels below 0 count as 0.

    Parameters:
        in_colour: whether the first three channels are red, green and blue, to be shown together.
    """
    data, segmentation = dataset.load_case(k)[:2]
    channels: slice | int = slice(0, 3) if in_colour else channel_idx
    if not in_colour and not 0 <= channel_idx < data.shape[0]:
        raise ArgumentError(f"channel {channel_idx}: case {k} has the channels 0 to {data.shape[0] - 1}")
    labels = np.maximum(np.asarray(segmentation[0]), 0)
    _draw(data, channels, labels, join(output_folder, f"{k}.png"), overlay_intensity, label_names)


def _draw(
    image: Any, channels: slice | int, labels: np.ndarray, file: str, intensity: float, label_names: LabelNames | None
) -> None:
    """Write the picture of the best plane of an image (C, x, y, z), which may be lazy, and labels (x, y, z)."""
    from PIL import Image

    plane = select_slice_to_plot2(image, labels)
    picture = generate_overlay(np.asarray(image[channels, plane]), labels[plane], overlay_intensity=intensity)
    if isinstance(channels, slice):
        names = label_names or {}
        picture = add_legend(picture, [(names[label], colour_of(label)) for label in sorted(names) if label > 0])
    with replacing(file) as temporary:
        Image.fromarray(picture).convert("RGBA").save(temporary)


def multiprocessing_plot_overlay(
    list_of_image_files: Sequence[str],
    list_of_seg_files: Sequence[str],
    image_reader_writer: BaseReaderWriter,
    list_of_output_files: Sequence[str],
    overlay_intensity: float,
    num_processes: int = 8,
    label_names: LabelNames | None = None,
) -> None:
    """Call `plot_overlay` for each case."""
    files = zip(list_of_image_files, list_of_seg_files, list_of_output_files, strict=True)
    cases = [
        (basename(output), (image, labels, image_reader_writer, output, overlay_intensity, label_names))
        for image, labels, output in files
    ]
    run_cases(plot_overlay, cases, num_processes, "overlays")


def multiprocessing_plot_overlay_preprocessed(
    dataset: nnUNetBaseDataset,
    output_folder: str,
    overlay_intensity: float,
    num_processes: int = 8,
    channel_idx: int = 0,
    label_names: LabelNames | None = None,
    in_colour: bool = False,
) -> None:
    """Call `plot_overlay_preprocessed` for each case of a dataset."""
    more = (output_folder, overlay_intensity, channel_idx, label_names, in_colour)
    cases = [(case, (dataset, case, *more)) for case in dataset.identifiers]
    run_cases(plot_overlay_preprocessed, cases, num_processes, "overlays")
