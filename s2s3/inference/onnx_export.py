"""The networks of a model as ONNX files, and a JSON that says how images become their input."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nnunetv2.drift_version import DRIFT, NNUNET
from nnunetv2.errors import CheckpointError, InvalidValueError, SettingsError
from nnunetv2.file_kinds.raw_dataset import channel_names
from nnunetv2.foundation.files import file_sha256, write_json
from nnunetv2.foundation.output_guard import check_output_file, is_json_with
from nnunetv2.foundation.plain_values import to_plain
from nnunetv2.inference.load_model import TrainerFinders, load_network
from nnunetv2.inference.model_folder import Folds, TrainedModel, read_model_folder
from nnunetv2.networks.compiled_networks import load_weights
from nnunetv2.utilities.find_class_by_name import recursive_find_python_class
from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name
from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels
from s1.partial_files import partial_folder

INPUT, OUTPUT = "image", "logits"
LARGEST_DIFFERENCE = 1e-3
"""Between the logits of the file and of the network, as a fraction of the largest logit."""
_BATCH = 2


@dataclass(frozen=True)
class ExportedNetwork:
    """A network that was written."""

    file: Path
    fold: str
    difference: float | None
    """Largest difference of logits from the network, as a fraction of the largest; None: onnxruntime is missing."""


def export_onnx(model_folder: Path, target: Path, folds: Folds, checkpoint: str) -> list[ExportedNetwork]:
    """Write each fold's network, `<target>` or `<stem>_fold_<fold>.onnx` if there are several, and `<stem>.json`.

    They appear together once all are complete; if one fails, those of an earlier export stay.
    Raises SettingsError if the packages are missing, OutputExistsError for a file that is no earlier export,
    CheckpointError if onnxruntime gives other logits than the network.
    """
    _require_packages()
    if target.suffix != ".onnx":
        raise InvalidValueError(f"{target}: expected a file name that ends in .onnx")
    model = read_model_folder(model_folder, folds, checkpoint)
    description = target.with_suffix(".json")
    files = _names(target, model)
    is_earlier = is_json_with("networks", "patch_size")
    for file in (*files.values(), description):
        check_output_file(file, "an export of a model", lambda _: is_earlier(description), {})
    with partial_folder(target.parent) as folder:
        written = _write_networks(model, {source: folder / file.name for source, file in files.items()})
        write_json(_describe(model_folder, model, written), folder / description.name)
        for name in (*(one.file.name for one in written), description.name):
            (folder / name).replace(target.with_name(name))
    return [replace(one, file=target.with_name(one.file.name)) for one in written]


def _write_networks(model: TrainedModel, files: Mapping[Path, Path]) -> list[ExportedNetwork]:
    """Write the network of each checkpoint."""
    finders = TrainerFinders(recursive_find_trainer_class_by_name, recursive_find_python_class)
    network = load_network(model, None, finders, determine_num_input_channels).eval()
    example = torch.randn(_BATCH, *_input_shape(model), generator=torch.Generator().manual_seed(0))
    written = []
    for source, file in files.items():
        load_weights(network, model.parameters[source])
        written.append(ExportedNetwork(file, _fold(source), _write_network(network, example, file)))
    return written


def _require_packages() -> None:
    missing = [name for name in ("onnx", "onnxscript") if find_spec(name) is None]
    if missing:
        raise SettingsError(f"the export needs {' and '.join(missing)}: pip install nnunetv2[onnx]")


def _names(target: Path, model: TrainedModel) -> dict[Path, Path]:
    """Return the file of each checkpoint."""
    sources = list(model.parameters)
    if len(sources) == 1:
        return {sources[0]: target}
    return {source: target.with_name(f"{target.stem}_fold_{_fold(source)}.onnx") for source in sources}


def _fold(checkpoint: Path) -> str:
    return checkpoint.parent.name.removeprefix("fold_")


def _input_shape(model: TrainedModel) -> tuple[int, ...]:
    """Return (channels, *patch) of what the network takes, the labels of a previous stage included."""
    described = model.description
    channels = determine_num_input_channels(described.plans, described.configuration, described.dataset_json)
    return (channels, *described.configuration.patch_size)


def _write_network(network: nn.Module, example: torch.Tensor, file: Path) -> float | None:
    """Write a network and return how far the logits of the file are from its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, about its own code
        torch.onnx.export(
            network,
            (example,),
            file,
            dynamo=True,
            external_data=False,
            verbose=False,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
        )
    difference = _difference(network, example, file) if find_spec("onnxruntime") else None
    if difference is not None and not difference <= LARGEST_DIFFERENCE:
        raise CheckpointError(
            f"{file.name}: nothing is written, because onnxruntime gives logits that differ by {difference:.1e} of the"
            " largest from those of the network; is it a network that ONNX can hold?"
        )
    return difference


def _difference(network: nn.Module, example: torch.Tensor, file: Path) -> float:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    largest = 0.0
    for images in (example, example[:1]):
        with torch.inference_mode():
            expected = network(images)
        found = torch.from_numpy(session.run([OUTPUT], {INPUT: images.numpy()})[0])
        largest = max(largest, float((found - expected).abs().max() / expected.abs().max().clamp(min=1e-6)))
    return largest


def _describe(folder: Path, model: TrainedModel, written: list[ExportedNetwork]) -> Mapping[str, Any]:
    """Return what a program needs to know that runs the networks without this package."""
    described, plans = model.description, model.description.plans
    configuration = described.configuration
    networks = [{"file": one.file.name, "fold": one.fold, "sha256": file_sha256(one.file)} for one in written]
    channels, *patch = _input_shape(model)
    heads = described.labels.num_segmentation_heads
    content = {
        "version": 1,
        "made_by": {"drift": DRIFT, "nnunetv2": NNUNET},
        "model": folder.resolve().name,
        "networks": networks,
        "input": {"name": INPUT, "type": "float32", "shape": ["batch", channels, *patch]},
        "output": {"name": OUTPUT, "type": "float32", "shape": ["batch", heads, *patch]},
        "patch_size": patch,
        "spacing": configuration.spacing,
        "transpose_forward": plans.transpose_forward,
        "transpose_backward": plans.transpose_backward,
        "channels": channel_names(described.dataset_json),
        "normalization": _normalization(model),
        "previous_stage": configuration.previous_stage_name,
        "labels": described.dataset_json["labels"],
        "regions_class_order": described.dataset_json.get("regions_class_order"),
        "activation": "sigmoid" if described.labels.has_regions else "softmax",
        "mirroring_axes": list(model.mirroring_axes or ()),
        "tiles": {"step": 0.5, "weights": "gaussian", "sigma": 1 / 8},
        "file_ending": described.dataset_json["file_ending"],
    }
    plain: Mapping[str, Any] = to_plain(content)
    return plain


def _normalization(model: TrainedModel) -> list[dict[str, Any]]:
    """Return scheme, intensities of the training data and use of a mask of each channel."""
    configuration = model.description.configuration
    intensities = model.description.plans.foreground_intensity_properties_per_channel
    schemes, masks = configuration.normalization_schemes, configuration.use_mask_for_norm
    return [
        {"scheme": scheme, "intensities": intensities[str(number)], "only_within_mask": masks[number]}
        for number, scheme in enumerate(schemes)
    ]
