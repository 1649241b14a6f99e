"""Writes dataset.json of a converted dataset."""

from os.path import join
from typing import Any

from nnunetv2.errors import CallError
from nnunetv2.foundation.files import write_json

_LabelValue = int | list[int] | tuple[int, ...]


def generate_dataset_json(
    output_folder: str,
    channel_names: dict[Any, str],
    labels: dict[str, Any],
    num_training_cases: int,
    file_ending: str,
    citation: list[str] | str | None = None,
    regions_class_order: tuple[int, ...] | None = None,
    dataset_name: str | None = None,
    reference: str | None = None,
    release: str | None = None,
    description: str | None = None,
    overwrite_image_reader_writer: str | None = None,
    license: str = "not stated",
    converted_by: str = "not stated",
    **kwargs: Any,
) -> None:
    """Write dataset.json into an existing folder.

    Parameters:
        channel_names: number of the channel -> name; the name decides the normalization ("CT", "rgb_to_0_1", ...).
        labels: name -> value, or -> values of a region; "background" is 0, others follow without a gap.
        num_training_cases: number of cases in imagesTr.
        file_ending: ending of images and labels with its dot; the labels of `.jpg` and `.jpeg` images are `.png` files.
        regions_class_order: the label written for each region, later ones over earlier ones; needed with regions.
        kwargs: further entries.

    `channel_names` and `labels` are also normalised in place: channel numbers to text, label values to int.
    """
    if _has_regions(labels) and regions_class_order is None:
        raise CallError("labels contain regions; pass regions_class_order, the label to write for each of them")
    _normalize(channel_names, {key: str(key) for key in channel_names}, channel_names)
    _normalize(labels, {key: key for key in labels}, {key: _as_integers(value) for key, value in labels.items()})
    optional = {
        "name": dataset_name,
        "reference": reference,
        "release": release,
        "citation": citation,
        "description": description,
        "overwrite_image_reader_writer": overwrite_image_reader_writer,
        "regions_class_order": regions_class_order,
    }
    content = {
        "channel_names": channel_names,
        "labels": labels,
        "numTraining": num_training_cases,
        "file_ending": file_ending,
        "licence": license,
        "converted_by": converted_by,
        **{key: value for key, value in optional.items() if value is not None},
        **kwargs,
    }
    write_json(content, join(output_folder, "dataset.json"))


def _has_regions(labels: dict[str, Any]) -> bool:
    return any(isinstance(value, list | tuple) and len(value) > 1 for value in labels.values())


def _as_integers(value: Any) -> _LabelValue:
    return tuple(int(entry) for entry in value) if isinstance(value, list | tuple) else int(value)


def _normalize(target: dict[Any, Any], keys: dict[Any, Any], values: dict[Any, Any]) -> None:
    """Replace the content of a caller's dict, order kept."""
    content = {keys[key]: values[key] for key in target}
    target.clear()
    target.update(content)
