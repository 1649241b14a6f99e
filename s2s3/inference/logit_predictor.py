"""Predicts the logits of preprocessed images: the model, its folds, the sliding window.

Names that clients of nnU-Net replace in the module `predict_from_raw_data` are looked up there (`public`).
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, cast

import torch

import nnunetv2
from nnunetv2.domains.domain_statistics import DomainStatistics
from nnunetv2.errors import CallError, SettingsError
from nnunetv2.inference import predict_from_raw_data as public
from nnunetv2.inference.model_folder import Folds, ModelFiles, PathLike, available_folds, read_model_folder
from nnunetv2.inference.network_building import build_network, check_weights_fit, compile_if_asked, load_weights
from nnunetv2.inference.sliding_window_prediction import Slicer, mirror_combinations, tile_slicers
from nnunetv2.inference.tile_accumulation import (
    InvalidLogitsError,
    LogitOverflowError,
    accumulate_tiles,
    add_logits,
    pad_to_tile,
)
from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels
from nnunetv2.utilities.progress import redraw_interval_s

_GAUSSIAN_MAXIMUM = 10
_TRAINER_PACKAGE = "nnunetv2.training.nnUNetTrainer"


class LogitPredictor:
    """Holds a model and predicts the logits of preprocessed images.

    Attributes may be changed at any time; they are read when a prediction needs them. `perform_everything_on_gpu` is
    the name of `perform_everything_on_device` in nnU-Net 2.1 and 2.2.

    Parameters:
        tile_step_size: distance between tiles as a fraction of the tile, in (0, 1].
        use_gaussian: weight voxels near the centre of a tile more.
        use_mirroring: average over versions mirrored along the axes that were mirrored in training.
        perform_everything_on_device: keep image and logits on the GPU; cuda only.
        allow_tqdm: show a progress bar over the tiles of each image.
    """

    _watched: tuple[Callable[[], None], ...] = ()
    _case: str | None = None
    domain_statistics: Sequence[DomainStatistics] = ()
    """How the domains of the training look; without any, predictions say nothing about domains."""

    def __init__(
        self,
        tile_step_size: float = 0.5,
        use_gaussian: bool = True,
        use_mirroring: bool = True,
        perform_everything_on_device: bool = True,
        device: torch.device = torch.device("cuda"),  # noqa: B008 - nnU-Net's default
        verbose: bool = False,
        verbose_preprocessing: bool = False,
        allow_tqdm: bool = True,
        perform_everything_on_gpu: bool | None = None,
    ):
        if perform_everything_on_gpu is not None:
            perform_everything_on_device = perform_everything_on_gpu
        if device.type == "cuda":
            torch.backends.cudnn.benchmark = True
        self.verbose = verbose
        self.verbose_preprocessing = verbose_preprocessing
        self.allow_tqdm = allow_tqdm
        self.tile_step_size = tile_step_size
        self.use_gaussian = use_gaussian
        self.use_mirroring = use_mirroring
        self.device = device
        self.perform_everything_on_device = perform_everything_on_device and device.type == "cuda"
        self.plans_manager: Any = None
        self.configuration_manager: Any = None
        self.list_of_parameters: Any = None
        self.network: Any = None
        self.dataset_json: Any = None
        self.trainer_name: Any = None
        self.allowed_mirroring_axes: Any = None
        self.label_manager: Any = None

    def initialize_from_trained_model_folder(
        self,
        model_training_output_dir: PathLike,
        use_folds: Folds,
        checkpoint_name: str = "checkpoint_final.pth",
        trainer_class: Any = None,
    ) -> None:
        """Read plans, dataset.json and checkpoints and build the network.

        Parameters:
            use_folds: folds as numbers or text, "all" for the model of all cases; None: all numbered folds that exist.
            trainer_class: class or name of a trainer to use instead of the one named in the checkpoint.
        """
        if use_folds is None:
            use_folds = self.auto_detect_available_folds(model_training_output_dir, checkpoint_name) or None
        model = read_model_folder(model_training_output_dir, use_folds, checkpoint_name)
        configuration = model.plans_manager.get_configuration(model.configuration)
        label_manager = model.plans_manager.get_label_manager(model.dataset_json)
        network = build_network(
            _choose_trainer(trainer_class, model),
            model.plans_manager,
            configuration,
            model.dataset_json,
            determine_num_input_channels(model.plans_manager, configuration, model.dataset_json),
            label_manager.num_segmentation_heads,
            enable_deep_supervision=False,
        )
        for file, weights in model.parameters.items():
            check_weights_fit(network, weights, file)
        parameters = list(model.parameters.values())
        load_weights(network, parameters[0])
        self.manual_initialization(
            network,
            model.plans_manager,
            configuration,
            parameters,
            model.dataset_json,
            model.trainer_name,
            model.mirroring_axes,
        )
        self.domain_statistics = model.domain_statistics

    @staticmethod
    def auto_detect_available_folds(model_training_output_dir: PathLike, checkpoint_name: str) -> list[int]:
        """Return the numbered folds that have the checkpoint."""
        return available_folds(model_training_output_dir, checkpoint_name)

    def manual_initialization(
        self,
        network: Any,
        plans_manager: Any,
        configuration_manager: Any,
        parameters: Sequence[Any] | None,
        dataset_json: dict[str, Any],
        trainer_name: str,
        inference_allowed_mirroring_axes: tuple[int, ...] | None,
    ) -> None:
        """Set the network and its description; `parameters` may be None if only sliding windows are predicted."""
        self.plans_manager = plans_manager
        self.configuration_manager = configuration_manager
        self.list_of_parameters = parameters
        self.network = compile_if_asked(network)
        self.dataset_json = dataset_json
        self.trainer_name = trainer_name
        self.allowed_mirroring_axes = inference_allowed_mirroring_axes
        self.label_manager = plans_manager.get_label_manager(dataset_json)

    @torch.inference_mode()
    def predict_logits_from_preprocessed_data(self, data: torch.Tensor) -> torch.Tensor:
        """Return the mean logits of all folds, half (K, *image) on the CPU; `data` is float (C, *image)."""
        total: Any = None
        for weights in self.list_of_parameters:
            load_weights(self.network, weights)
            logits = self.predict_sliding_window_return_logits(data).to("cpu")
            total = logits if total is None else add_logits(total, logits)
        if len(self.list_of_parameters) > 1:
            total /= len(self.list_of_parameters)
        return cast("torch.Tensor", total)

    @torch.inference_mode()
    def predict_sliding_window_return_logits(self, input_image: torch.Tensor) -> torch.Tensor:
        """Return the logits of the network with its current weights, half (K, *image), where results are collected.

        Raises InvalidLogitsError if the network predicts NaN or infinite values.
        """
        if not isinstance(input_image, torch.Tensor) or input_image.ndim != 4 or not input_image.numel():
            raise CallError(f"expected a 4D torch.Tensor (c, x, y, z), got {_describe(input_image)}")
        self.network = self.network.to(self.device)
        self.network.eval()
        public.empty_cache(self.device)
        with torch.autocast("cuda") if self.device.type == "cuda" else nullcontext():
            image, crop = pad_to_tile(input_image, self.configuration_manager.patch_size)
            slicers = self._internal_get_sliding_window_slicers(image.shape[1:])
            with self._explaining_failures(image):
                logits = self._predict_where_memory_allows(image, slicers)
        public.empty_cache(self.device)
        return logits[crop]

    @contextmanager
    def _explaining_failures(self, image: torch.Tensor) -> Iterator[None]:
        """Say what the plans expect if the network fails on an image of another type or number of channels."""
        try:
            yield
        except RuntimeError as error:
            expected = self._expected_channels()
            if expected is None or (image.is_floating_point() and len(image) == expected):
                raise
            form = f"{expected} channels of floating-point numbers"
            raise CallError(f"expected {form}, got {_describe(image)} and {image.dtype}") from error

    def _expected_channels(self) -> int | None:
        """Return the number of input channels; None if not all of the model was assigned."""
        try:
            return determine_num_input_channels(self.plans_manager, self.configuration_manager, self.dataset_json)
        except (AttributeError, KeyError, TypeError):
            return None

    def _predict_where_memory_allows(self, image: torch.Tensor, slicers: list[Slicer]) -> torch.Tensor:
        """Collect results on the device, or on the CPU if the device runs out of memory."""
        on_device = self.perform_everything_on_device and self.device.type != "cpu"
        try:
            return self._internal_predict_sliding_window_return_logits(image, slicers, on_device)
        except RuntimeError as error:
            if not on_device or "out of memory" not in str(error).lower():
                raise
        public.empty_cache(self.device)
        return self._internal_predict_sliding_window_return_logits(image, slicers, False)

    def _internal_get_sliding_window_slicers(self, image_size: Sequence[int]) -> list[Slicer]:
        return tile_slicers(image_size, self.configuration_manager.patch_size, self.tile_step_size)

    def _internal_predict_sliding_window_return_logits(
        self, data: torch.Tensor, slicers: list[Slicer], do_on_device: bool = True
    ) -> torch.Tensor:
        """Return the logits of a padded image; float32 only if half precision cannot hold them."""
        try:
            return self._accumulate(data, slicers, do_on_device, torch.half)
        except LogitOverflowError:
            pass
        try:
            logits = self._accumulate(data, slicers, do_on_device, torch.float32)
        except LogitOverflowError:
            raise InvalidLogitsError("the network predicted infinite values; is the checkpoint damaged?") from None
        half = logits.half()
        return half if torch.isfinite(half).all() else logits

    def _accumulate(
        self, data: torch.Tensor, slicers: list[Slicer], do_on_device: bool, dtype: torch.dtype
    ) -> torch.Tensor:
        device = self.device if do_on_device else torch.device("cpu")
        weights = None
        if self.use_gaussian:
            tile_size = tuple(self.configuration_manager.patch_size)
            weights = public.compute_gaussian(
                tile_size, sigma_scale=1 / 8, value_scaling_factor=_GAUSSIAN_MAXIMUM, device=device
            )
        options = {"desc": self._case, "total": len(slicers), "mininterval": redraw_interval_s()}
        with public.tqdm(disable=not self.allow_tqdm, **options) as bar:
            return accumulate_tiles(
                self._cut_tiles(data.to(device), slicers, bar),
                self._internal_maybe_mirror_and_predict,
                self.label_manager.num_segmentation_heads,
                data.shape[1:],
                weights,
                device,
                dtype,
            )

    def _cut_tiles(self, data: torch.Tensor, slicers: list[Slicer], bar: Any) -> Iterator[tuple[torch.Tensor, Slicer]]:
        """Yield each tile as a batch of one on the network's device; update the bar and poll background work."""
        for where in slicers:
            for poll in self._watched:
                poll()
            tile = torch.clone(data[where][None], memory_format=torch.contiguous_format)
            yield tile.to(self.device), where
            bar.update()

    def _internal_maybe_mirror_and_predict(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of a batch (B, C, *tile), averaged over the mirrored versions if mirroring is on."""
        prediction: torch.Tensor = self.network(x)
        if not self.use_mirroring or not self.allowed_mirroring_axes:
            return prediction
        if max(self.allowed_mirroring_axes) > x.ndim - 3:
            raise CallError(f"mirroring axes {self.allowed_mirroring_axes} do not exist in a batch of {x.ndim} axes")
        combinations = mirror_combinations(self.allowed_mirroring_axes)
        for axes in combinations:
            prediction += torch.flip(self.network(torch.flip(x, axes)), axes)
        prediction /= len(combinations) + 1
        return prediction


def _choose_trainer(given: Any, model: ModelFiles) -> Any:
    """Return the given trainer, a class or a name; without one, the trainer that the checkpoint names."""
    if given:
        return find_trainer(given) if isinstance(given, str) else given
    try:
        return find_trainer(model.trainer_name)
    except SettingsError as error:
        file = next(iter(model.parameters))
        raise type(error)(f"{file}: trainer_name is {model.trainer_name!r}: {error}") from error


def find_trainer(name: str) -> Any:
    """Return the trainer class of this name, using whichever of the two finder functions a client has replaced."""
    find_by_name = public.recursive_find_trainer_class_by_name
    if getattr(find_by_name, "__module__", None) != "nnunetv2.utilities.find_objects":
        return find_by_name(name)
    folder = os.path.join(nnunetv2.__path__[0], "training", "nnUNetTrainer")
    found = public.recursive_find_python_class(folder, name, _TRAINER_PACKAGE)
    is_trainer = isinstance(found, type) and hasattr(found, "build_network_architecture")
    return found if is_trainer else find_by_name(name)


def _describe(value: object) -> str:
    shape = getattr(value, "shape", None)
    return type(value).__name__ if shape is None else f"{type(value).__name__} of shape {tuple(shape)}"
