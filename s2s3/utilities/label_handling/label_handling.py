"""The labels of a dataset: regions, the ignore label, and how predictions become label images."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from nnunetv2.errors import MissingEntryError, WrongClassError, WrongShapeError

# Clients replace recursive_find_python_class in this module; it has to be called through this name.
from nnunetv2.utilities.find_class_by_name import recursive_find_python_class, require_class
from nnunetv2.utilities.helpers import sigmoid_helper, softmax_helper_dim0
from nnunetv2.utilities.label_handling.label_meaning import (
    check_background,
    check_ignore_label,
    check_regions,
    is_background,
    regions_of,
    sorted_labels,
    uses_regions,
)

if TYPE_CHECKING:
    import torch

    Array = TypeVar("Array", np.ndarray, torch.Tensor)

LabelOrRegion = int | tuple[int, ...]
_log = logging.getLogger(__name__)


class LabelManager:
    """The labels of a dataset, as in dataset.json.

    Raises DatasetLayoutError (an AssertionError and a RuntimeError) if background is not 0, if the ignore label is not
    the highest label plus one, or if regions come without a regions_class_order of the same length.

    Parameters:
        label_dict: name -> label, or labels that make up a region.
        regions_class_order: label to write for each region; later ones overwrite earlier ones.
        force_use_labels: treat the labels as plain ones even if there are regions.
        inference_nonlin: logits (c, ...) -> probabilities; by default a sigmoid for regions, otherwise a softmax.
    """

    def __init__(
        self,
        label_dict: dict[str, Any],
        regions_class_order: list[int] | None,
        force_use_labels: bool = False,
        inference_nonlin: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ):
        check_background(label_dict)
        self.label_dict = label_dict
        self.regions_class_order = regions_class_order
        self._has_regions = not force_use_labels and uses_regions(label_dict)
        self._ignore_label: int | None = label_dict.get("ignore")
        self._all_labels = sorted_labels(label_dict)
        self._regions = regions_of(label_dict) if self._has_regions else None
        check_ignore_label(label_dict, self._all_labels)
        check_regions(self._regions, regions_class_order)
        default = sigmoid_helper if self._has_regions else softmax_helper_dim0
        self.inference_nonlin = default if inference_nonlin is None else inference_nonlin

    @property
    def has_regions(self) -> bool:
        """Whether labels overlap, so that each channel is a region of its own."""
        return self._has_regions

    @property
    def has_ignore_label(self) -> bool:
        """Whether some pixels are neither learnt nor scored."""
        return self.ignore_label is not None

    @property
    def all_labels(self) -> list[int]:
        """Sorted labels with background, without the ignore label."""
        return self._all_labels

    @property
    def all_regions(self) -> list[LabelOrRegion] | None:
        """Regions in the order of dataset.json, None without regions."""
        return self._regions

    @property
    def ignore_label(self) -> int | None:
        """Value of the pixels that are neither learnt nor scored, None if there are none."""
        return self._ignore_label

    @property
    def foreground_labels(self) -> list[int]:
        """Sorted labels without background and ignore label."""
        return cast("list[int]", self.filter_background(self.all_labels))

    @property
    def foreground_regions(self) -> list[LabelOrRegion]:
        """Regions without background; TypeError without regions."""
        return self.filter_background(cast("list[LabelOrRegion]", self.all_regions))

    @property
    def foreground_classes(self) -> list[LabelOrRegion]:
        """What is learnt and scored: the foreground regions if there are regions, otherwise the foreground labels."""
        return list(self.foreground_regions if self.has_regions else self.foreground_labels)

    @property
    def num_segmentation_heads(self) -> int:
        """Number of output channels of a network."""
        return len(self.foreground_regions) if self.has_regions else len(self.all_labels)

    @staticmethod
    def filter_background(classes_or_regions: Sequence[LabelOrRegion]) -> list[LabelOrRegion]:
        """Drop 0 and regions that contain nothing but 0."""
        return [entry for entry in classes_or_regions if not is_background(entry)]

    def apply_inference_nonlin(self, logits: np.ndarray | torch.Tensor) -> torch.Tensor:
        """Return float32 probabilities for logits of shape (c, ...), as a tensor in either case."""
        return self.inference_nonlin(_as_tensor(logits).float())

    def convert_probabilities_to_segmentation(self, predicted_probabilities: Array) -> Array:
        """Return the label image (...) for probabilities (c, ...), an array for an array, a tensor for a tensor.

        Regions are written where their probability is above 0.5, in the order of `regions_class_order` (uint16 for
        arrays, int16 for tensors); otherwise the first largest channel is taken (int64).
        """
        self._check_heads(predicted_probabilities)
        predicted: Any = predicted_probabilities
        if not self.has_regions:
            return cast("Array", _first_largest_channel(predicted))
        segmentation = _zeros_for_labels(predicted)
        for channel, label in zip(predicted, self.regions_class_order or (), strict=False):
            segmentation[channel > 0.5] = label
        return cast("Array", segmentation)

    def convert_logits_to_segmentation(self, predicted_logits: Array) -> Array:
        """Return the label image (...) for logits (c, ...), an array for an array, a tensor for a tensor."""
        self._check_heads(predicted_logits)
        if not self.has_regions:
            return self.convert_probabilities_to_segmentation(predicted_logits)
        probabilities: Any = self.apply_inference_nonlin(predicted_logits)
        if isinstance(predicted_logits, np.ndarray):
            probabilities = probabilities.cpu().numpy()
        return cast("Array", self.convert_probabilities_to_segmentation(probabilities))

    def revert_cropping_on_probabilities(
        self, predicted_probabilities: Array, bbox: Sequence[Sequence[int]], original_shape: Sequence[int]
    ) -> Array:
        """Put probabilities (c, ...) of a crop back into the whole image; tensors become CPU tensors.

        Outside the crop everything is background: channel 0 is 1, or all channels are 0 with regions. `bbox` holds
        [first, end) per axis. Not for logits.
        """
        inside: Any = predicted_probabilities
        shape = (inside.shape[0], *(int(size) for size in original_shape))
        if isinstance(inside, np.ndarray):
            whole: Any = np.zeros(shape, dtype=inside.dtype)
        else:
            inside = inside.detach().cpu()
            whole = inside.new_zeros(shape)
        if not self.has_regions:
            whole[0] = 1
        whole[(slice(None), *(slice(int(first), int(end)) for first, end in bbox))] = inside
        return cast("Array", whole)

    def _check_heads(self, predicted: np.ndarray | torch.Tensor) -> None:
        _require_array_or_tensor(predicted)
        if predicted.shape[0] != self.num_segmentation_heads:
            raise WrongShapeError(
                f"unexpected number of channels in a prediction of shape {tuple(predicted.shape)}: the labels require "
                f"{self.num_segmentation_heads}, first axis, got {predicted.shape[0]}"
            )


def _require_array_or_tensor(value: Any) -> None:
    if isinstance(value, np.ndarray):
        return
    import torch

    if not isinstance(value, torch.Tensor):
        raise WrongClassError(f"Unexpected input type. Expected np.ndarray or torch.Tensor, got {type(value)}")


def _as_tensor(value: np.ndarray | torch.Tensor) -> torch.Tensor:
    if not isinstance(value, np.ndarray):
        return value
    import torch

    return torch.from_numpy(value)


def _first_largest_channel(predicted: Any) -> Any:
    """Return the argmax over the first axis; numpy's is about twice as fast as that of torch on the CPU."""
    if isinstance(predicted, np.ndarray) or predicted.device.type != "cpu":
        return predicted.argmax(0)
    import torch

    values = predicted.detach()
    if values.dtype == torch.bfloat16:
        values = values.float()
    return torch.from_numpy(values.numpy().argmax(0))


def _zeros_for_labels(predicted: np.ndarray | torch.Tensor) -> Any:
    if isinstance(predicted, np.ndarray):
        return np.zeros(predicted.shape[1:], dtype=np.uint16)
    import torch

    return torch.zeros(predicted.shape[1:], dtype=torch.int16, device=predicted.device)


def labels_in_masks(labels: LabelManager) -> list[int]:
    """Return all values that masks may contain: the sorted labels, then the ignore label if there is one."""
    values = labels.all_labels if labels.ignore_label is None else [*labels.all_labels, labels.ignore_label]
    return [int(value) for value in values]


def get_labelmanager_class_from_plans(plans: dict[str, Any]) -> type[LabelManager]:
    """Return the class that the plans name below nnunetv2.utilities.label_handling, LabelManager if they name none.

    Raises SettingsError if there is no subclass of LabelManager of this name.
    """
    if "label_manager" not in plans:
        _log.info("No label manager specified in plans. Using default: LabelManager")
        return LabelManager
    package = "nnunetv2.utilities.label_handling"
    return require_class(package, plans["label_manager"], "label manager", LabelManager, recursive_find_python_class)


def convert_labelmap_to_one_hot(
    segmentation: np.ndarray | torch.Tensor,
    all_labels: Sequence[int] | np.ndarray | torch.Tensor,
    output_dtype: Any = None,
) -> Any:
    """Return one channel per label, shape (len(all_labels), *segmentation.shape), 1 where the segmentation has it.

    The type is uint8, or uint16 for labels of 255 and above, unless given. In an array other values are zero in all
    channels. For tensors the labels have to be 0, 1, 2, ..., other values raise a RuntimeError.
    """
    use_uint8 = max(all_labels) < 255
    if isinstance(segmentation, np.ndarray):
        dtype = output_dtype or (np.uint8 if use_uint8 else np.uint16)
        one_hot = np.empty((len(all_labels), *segmentation.shape), dtype=dtype)
        for channel, label in zip(one_hot, all_labels, strict=True):
            channel[...] = segmentation == label
        return one_hot
    import torch

    shape = (len(all_labels), *segmentation.shape)
    membership = torch.zeros(shape, dtype=torch.uint8, device=segmentation.device)
    membership.scatter_(0, segmentation[None].long(), 1)
    return membership.to(output_dtype or (torch.uint8 if use_uint8 else torch.uint16))


def determine_num_input_channels(
    plans_manager: Any, configuration_or_config_manager: Any, dataset_json: dict[str, Any]
) -> int:
    """Return the channels a network gets: those of the images and, after a previous stage, one per foreground label.

    Parameters:
        plans_manager: a PlansManager.
        configuration_or_config_manager: the name of a configuration of these plans, or a ConfigurationManager.
    """
    configuration = configuration_or_config_manager
    if isinstance(configuration, str):
        configuration = plans_manager.get_configuration(configuration)
    # As in nnU-Net, `modality` comes first here; everywhere else `channel_names` does.
    if "modality" not in dataset_json and "channel_names" not in dataset_json:
        raise MissingEntryError("dataset.json has no entry 'channel_names', which says how many channels images have")
    image_channels = len(dataset_json["modality"] if "modality" in dataset_json else dataset_json["channel_names"])
    if configuration.previous_stage_name is None:
        return image_channels
    return image_channels + len(plans_manager.get_label_manager(dataset_json).foreground_labels)
