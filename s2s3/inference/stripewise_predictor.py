"""The part of nnUNetPredictor that predicts 2D images in stripes, so that no logits of a whole image are needed."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch

from nnunetv2.foundation.replaced_parts import OriginalParts
from nnunetv2.inference.label_conversion import looks_at_single_voxels
from nnunetv2.inference.plane_labels import labels_of_plane
from nnunetv2.inference.predict_cases import RunningCase
from nnunetv2.inference.predict_stripes import PaddedPlane, StripeWork
from nnunetv2.inference.predict_tiles import TileWork, where_memory_allows
from nnunetv2.inference.sliding_window_prediction import Slicer
from nnunetv2.inference.tile_accumulation import LogitOverflowError
from nnunetv2.inference.tile_batches import BatchSize, tiles_that_fill
from nnunetv2.networks.compiled_networks import load_weights
from nnunetv2.pathology.outputs.band_layout import Span
from nnunetv2.preprocessing.stored_plane import StoredPlane
from nnunetv2.utilities.helpers import dummy_context, empty_cache

METHODS_LEFT_OUT = (
    "predict_from_data_iterator",
    "predict_logits_from_preprocessed_data",
    "predict_sliding_window_return_logits",
    "_internal_get_data_iterator_from_lists_of_filenames",
    "_internal_get_sliding_window_slicers",
    "_internal_predict_sliding_window_return_logits",
)
"""What gets or makes whole images; where a subclass or a client has its own, nothing is predicted in stripes."""
FUNCTIONS_LEFT_OUT = (
    "compute_steps_for_sliding_window",
    "convert_predicted_logits_to_segmentation_with_correct_shape",
    "export_prediction_from_logits",
    "preprocessing_iterator_fromfiles",
)
"""The same, of the module of the predictor."""


def note_original_parts(predictor_class: "type[StripewisePredictor]", namespace: dict[str, Any]) -> None:
    """Note what stripes leave out, of a class and of the globals of its module, and what predicts its tiles."""
    predictor_class._left_out_in_stripes = OriginalParts.of(
        predictor_class, METHODS_LEFT_OUT, namespace, FUNCTIONS_LEFT_OUT
    )
    predictor_class._predicting_tiles = OriginalParts.of(predictor_class, ("_internal_maybe_mirror_and_predict",))


class StripewisePredictor:
    """Predicts label images of planes; a base of nnUNetPredictor, whose attributes and hooks it uses."""

    device: torch.device
    perform_everything_on_device: bool
    tile_step_size: float
    use_mirroring: bool
    allowed_mirroring_axes: Any
    network: Any
    plans_manager: Any
    configuration_manager: Any
    dataset_json: Any
    label_manager: Any
    list_of_parameters: Any
    _running_case: RunningCase
    _batch_size = BatchSize(1)
    _left_out_in_stripes: ClassVar[OriginalParts]
    _predicting_tiles: ClassVar[OriginalParts]

    @abstractmethod
    def predict_logits_from_preprocessed_data(self, data: torch.Tensor) -> torch.Tensor:
        """Return the mean logits of all folds of a whole image."""

    @abstractmethod
    def _internal_get_sliding_window_slicers(self, image_size: Sequence[int]) -> list[Slicer]:
        """Return the positions of all tiles."""

    @abstractmethod
    def _tile_work(self, do_on_device: bool) -> TileWork:
        """Return how tiles are predicted."""

    def works_in_stripes(self, writes_files: bool) -> bool:
        """Tell whether logits of whole 2D images are not needed: by nobody's own methods, functions or labels."""
        own_labels = looks_at_single_voxels(self.label_manager)
        return writes_files and own_labels and self._left_out_in_stripes.are_in_use(self)

    @torch.inference_mode()
    def _predict_labels_of_plane(self, plane: StoredPlane) -> np.ndarray:
        """Return the label image (1, H, W) that the logits of the whole image would give."""
        self._prepare_network()
        try:
            with torch.autocast("cuda") if self.device.type == "cuda" else dummy_context():
                return where_memory_allows(partial(self._labels_from_stripes, plane), *self._results_on_device())
        except LogitOverflowError:
            pass  # all logits at once, with float32 where needed, outside of the handler, which keeps stripes in memory
        whole = slice(0, plane.shape[2]), slice(0, plane.shape[3])
        logits = self.predict_logits_from_preprocessed_data(torch.from_numpy(plane.part(*whole)[:, None]))
        return self._labels_of(plane, [((0, plane.shape[2]), logits[:, 0])])

    def _labels_from_stripes(self, plane: StoredPlane, do_on_device: bool) -> np.ndarray:
        padded = PaddedPlane(plane, self.configuration_manager.patch_size)
        folds = [partial(load_weights, self.network, weights) for weights in self.list_of_parameters]
        slicers = self._internal_get_sliding_window_slicers(padded.shape[1:])
        work = StripeWork(padded, slicers, self.tile_step_size, self._tile_work(do_on_device), folds)
        return self._labels_of(plane, work.logits())

    def _labels_of(self, plane: StoredPlane, stripes: Iterable[tuple[Span, torch.Tensor]]) -> np.ndarray:
        return labels_of_plane(plane, stripes, self.label_manager, self._running_case.probabilities)

    def _prepare_network(self) -> None:
        self.network = self.network.to(self.device)
        self.network.eval()
        empty_cache(self.device)

    def _mirroring_axes(self) -> Sequence[int]:
        """Return the axes along which a tile is mirrored, none if mirroring is off."""
        return (self.allowed_mirroring_axes if self.use_mirroring else None) or ()

    def _tiles_at_once(self) -> BatchSize:
        """Return how many tiles make a batch; a method of others for tiles gets each by itself, as in nnU-Net."""
        own = self._predicting_tiles.are_in_use(self)
        channels = self.label_manager.num_segmentation_heads
        most = tiles_that_fill(self.device, self.configuration_manager.patch_size, channels) if own else 1
        if most != self._batch_size.most:
            self._batch_size = BatchSize(most)
        return self._batch_size

    def _results_on_device(self) -> tuple[bool, Callable[[], None]]:
        """Return whether results are collected on the device, and what makes room there."""
        on_device = self.perform_everything_on_device and self.device.type != "cpu"
        return on_device, partial(empty_cache, self.device)
