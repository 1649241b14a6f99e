"""Pictures of training cases with their labels, to look through a dataset; `nnUNetv2_plot_overlay_pngs`."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Mapping
from os.path import join
from typing import Any

from nnunetv2.errors import DatasetError
from nnunetv2.file_kinds.dataset_files import MODEL_DATASET
from nnunetv2.file_kinds.raw_dataset import channel_names, read_dataset_json
from nnunetv2.foundation.files import read_json
from nnunetv2.foundation.late_names import late_names
from nnunetv2.foundation.output_guard import check_output_folder
from nnunetv2.overlays.cases import (  # noqa: F401
    multiprocessing_plot_overlay,
    multiprocessing_plot_overlay_preprocessed,
    plot_overlay,
    plot_overlay_preprocessed,
)
from nnunetv2.overlays.rendering import (  # noqa: F401
    color_cycle,
    generate_overlay,
    hex_to_rgb,
    select_slice_to_plot,
    select_slice_to_plot2,
)
from nnunetv2.paths import nnUNet_preprocessed, nnUNet_raw
from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from nnunetv2.utilities.utils import get_filenames_of_train_images_and_targets

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__,
    {
        "nnunetv2.overlays.overlay_command": ("entry_point_generate_overlay",),
        "nnunetv2.configuration": ("default_num_processes",),
        "nnunetv2.imageio.base_reader_writer": ("BaseReaderWriter",),
        "nnunetv2.imageio.reader_writer_registry": ("determine_reader_writer_from_dataset_json",),
        "nnunetv2.training.dataloading.nnunet_dataset": (
            "infer_dataset_class",
            "nnUNetBaseDataset",
        ),
        "nnunetv2.utilities.plans_handling.plans_handler": ("ConfigurationManager",),
    },
)


def generate_overlays_from_raw(
    dataset_name_or_id: int | str,
    output_folder: str,
    num_processes: int = 8,
    channel_idx: int = 0,
    overlay_intensity: float = 0.6,
) -> None:
    """Draw the training cases of a raw dataset, from their files at `channel_idx`; DatasetError lists absent files."""
    from nnunetv2.imageio.reader_writer_registry import determine_reader_writer_from_dataset_json

    folder = join(nnUNet_raw, maybe_convert_to_dataset_name(dataset_name_or_id))
    dataset_json = read_dataset_json(folder)
    cases = get_filenames_of_train_images_and_targets(folder, dataset_json)
    problems = [
        f"case {case}: {len(files['images'])} image file(s)"
        for case, files in cases.items()
        if not 0 <= channel_idx < len(files["images"])
    ]
    problems += [f"no label file {files['label']}" for files in cases.values() if not os.path.isfile(files["label"])]
    if problems:
        raise DatasetError(f"{folder}: not every case has labels and an image file number {channel_idx}", problems)
    images = [files["images"][channel_idx] for files in cases.values()]
    labels = [files["label"] for files in cases.values()]
    folders = {os.path.dirname(file) for file in images + labels}
    check_output_folder(output_folder, {f"the files in {folder}": folder for folder in folders})
    reader = determine_reader_writer_from_dataset_json(dataset_json, images[0] if images else None)()
    os.makedirs(output_folder, exist_ok=True)
    outputs = [join(output_folder, f"{case}.png") for case in cases]
    names = label_names_of(dataset_json)
    multiprocessing_plot_overlay(images, labels, reader, outputs, overlay_intensity, num_processes, names)


def generate_overlays_from_preprocessed(
    dataset_name_or_id: int | str,
    output_folder: str,
    num_processes: int = 8,
    channel_idx: int = 0,
    configuration: str | None = None,
    plans_identifier: str = "nnUNetPlans",
    overlay_intensity: float = 0.6,
) -> None:
    """Draw every preprocessed case of a configuration, by default 3d_fullres, or 2d if there is none.

    Photographs (channels named R, G, B) are shown in colour, unless `channel_idx` asks for another channel than 0.
    """
    from nnunetv2.preprocessing.storage.dataset_kinds import infer_dataset_class

    folder = join(nnUNet_preprocessed, maybe_convert_to_dataset_name(dataset_name_or_id))
    plans = PlansManager(join(folder, f"{plans_identifier}.json"))
    dataset_json = read_json(join(folder, "dataset.json"), MODEL_DATASET)
    if configuration is None:
        configuration = "3d_fullres" if "3d_fullres" in plans.available_configurations else "2d"
    data_folder = join(folder, plans.get_configuration(configuration).data_identifier)
    check_output_folder(output_folder)
    dataset = infer_dataset_class(data_folder)(data_folder)
    os.makedirs(output_folder, exist_ok=True)
    multiprocessing_plot_overlay_preprocessed(
        dataset,
        output_folder,
        overlay_intensity,
        num_processes,
        channel_idx,
        label_names_of(dataset_json),
        channel_idx == 0 and has_colour_channels(dataset_json),
    )


def has_colour_channels(dataset_json: Mapping[str, Any]) -> bool:
    """Tell whether the channels are those of a photograph: named R, G, B (or red...), or each rgb_to_0_1."""
    names = [str(name).lower() for name in channel_names(dataset_json)]
    return [name[:1] for name in names[:3]] == ["r", "g", "b"] or (
        len(names) >= 3 and all(name.startswith("rgb") for name in names)
    )


def label_names_of(dataset_json: Mapping[str, Any]) -> dict[int, str]:
    """Return label -> name; a label in several regions has the name of the smallest."""
    names: dict[int, tuple[int, str]] = {}
    for name, values in dataset_json["labels"].items():
        members = values if isinstance(values, list | tuple) else [values]
        for value in members:
            names[int(value)] = min(names.get(int(value), (len(members), name)), (len(members), name))
    return {label: name for label, (_, name) in sorted(names.items())}


def plot_as_asked(arguments: Namespace) -> None:
    """Write pictures as the arguments of `nnUNetv2_plot_overlay_pngs` ask."""
    shared = (arguments.d, arguments.o, arguments.np, arguments.channel_idx)
    if arguments.use_raw:
        generate_overlays_from_raw(*shared, overlay_intensity=arguments.overlay_intensity)
    else:
        generate_overlays_from_preprocessed(*shared, arguments.c, arguments.p, arguments.overlay_intensity)
