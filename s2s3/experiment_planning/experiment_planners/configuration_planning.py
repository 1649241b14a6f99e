"""One configuration of the plans: patch, batch size, network, resampling; split from ExperimentPlanner for length."""

from pydoc import locate
from typing import Any, ClassVar

import numpy as np

from nnunetv2.configuration import ANISO_THRESHOLD
from nnunetv2.errors import ArgumentError
from nnunetv2.experiment_planning.experiment_planners.architecture import features_per_stage, unet_architecture
from nnunetv2.experiment_planning.experiment_planners.memory_estimate import PLAIN_UNET, closed_form_estimate
from nnunetv2.experiment_planning.experiment_planners.patch_fitting import (
    Topology,
    batch_size_for,
    first_patch_size,
    shrink_longest_axis,
    topology_for,
)
from nnunetv2.file_kinds.raw_dataset import channel_names
from nnunetv2.networks.allowed_modules import chosen_by_code
from nnunetv2.preprocessing.normalization.map_channel_name_to_normalization import get_normalization_scheme
from nnunetv2.preprocessing.resampling.default_resampling import Numbers, resample_data_or_seg_to_shape


class ConfigurationPlanning:
    """Plans single configurations. Parameters are attributes, steps are methods; other planners replace both."""

    encoder_counts_key: ClassVar[str] = "n_conv_per_stage"
    """Argument of the network that receives `UNet_blocks_per_stage_encoder`."""

    dataset_json: dict[str, Any]
    dataset_fingerprint: dict[str, Any]
    preprocessor_name: str

    def _set_memory_defaults(self, gpu_memory_target_in_gb: float) -> None:
        self.UNet_vram_target_GB = gpu_memory_target_in_gb
        self.UNet_reference_val_3d: float = 560_000_000
        self.UNet_reference_val_2d: float = 85_000_000
        self.UNet_reference_com_nfeatures = 32
        self.UNet_reference_val_corresp_GB: float = 8
        self.UNet_reference_val_corresp_bs_2d = 12
        self.UNet_reference_val_corresp_bs_3d = 2
        self.UNet_min_batch_size = 2
        self.max_dataset_covered: float = 0.05

    def _set_network_defaults(self) -> None:
        self.anisotropy_threshold = ANISO_THRESHOLD
        self.UNet_class = PLAIN_UNET
        self.UNet_base_num_features = 32
        self.UNet_max_features_2d = 512
        self.UNet_max_features_3d = 320
        self.UNet_featuremap_min_edge_length = 4
        self.UNet_blocks_per_stage_encoder: tuple[int, ...] = (2,) * 14
        self.UNet_blocks_per_stage_decoder: tuple[int, ...] = (2,) * 13

    @property
    def UNet_class(self) -> Any:
        """The network class, imported when it is asked for. May be set to the class or its dotted path."""
        return locate(self._network_class_path)

    @UNet_class.setter
    def UNet_class(self, network: Any) -> None:
        is_path = isinstance(network, str)
        self._network_module = None if is_path else network.__module__
        self._network_class_path = network if is_path else f"{network.__module__}.{network.__qualname__}"

    @staticmethod
    def static_estimate_VRAM_usage(
        patch_size: tuple[int, ...],
        input_channels: int,
        output_channels: int,
        arch_class_name: str,
        arch_kwargs: dict[str, Any],
        arch_kwargs_req_import: tuple[str, ...],
    ) -> int:
        """Return the number of feature-map elements for one sample, from a formula or, if none applies, the network."""
        known = closed_form_estimate(patch_size, output_channels, arch_class_name, arch_kwargs)
        if known is not None:
            return known
        from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

        network: Any = get_network_from_plans(
            arch_class_name, arch_kwargs, arch_kwargs_req_import, input_channels, output_channels, allow_init=False
        )
        return int(network.compute_conv_feature_map_size(patch_size))

    def determine_resampling(self, *args: Any, **kwargs: Any) -> tuple[Any, dict[str, Any], Any, dict[str, Any]]:
        """Return function and keywords for resampling images, then for segmentations."""
        common = {"order_z": 0, "force_separate_z": None}
        for_data = {"is_seg": False, "order": 3, **common}
        for_seg = {"is_seg": True, "order": 1, **common}
        return resample_data_or_seg_to_shape, for_data, resample_data_or_seg_to_shape, for_seg

    def determine_segmentation_softmax_export_fn(self, *args: Any, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Return function and keywords for resampling the network's output."""
        keywords = {"is_seg": False, "order": 1, "order_z": 0, "force_separate_z": None}
        return resample_data_or_seg_to_shape, keywords

    def determine_normalization_scheme_and_whether_mask_is_used_for_norm(self) -> tuple[list[str], list[bool]]:
        """Return, per channel, the name of its normalisation and whether only voxels inside the mask count."""
        schemes = [get_normalization_scheme(name) for name in channel_names(self.dataset_json)]
        much_is_cropped = self.dataset_fingerprint["median_relative_size_after_cropping"] < 3 / 4
        use_mask = [
            much_is_cropped and bool(scheme.leaves_pixels_outside_mask_at_zero_if_use_mask_for_norm_is_true)
            for scheme in schemes
        ]
        return [scheme.__name__ for scheme in schemes], use_mask

    def get_plans_for_configuration(
        self,
        spacing: np.ndarray | tuple[float, ...] | list[float],
        median_shape: np.ndarray | tuple[int, ...],
        data_identifier: str,
        approximate_n_voxels_dataset: float,
        _cache: dict[str, int],
    ) -> dict[str, Any]:
        """Return the entry of one configuration in plans.json, without `batch_dice`.

        Parameters:
            spacing: target spacing, 2 or 3 entries, axes transposed.
            median_shape: median image size at that spacing, possibly fractional.
            data_identifier: folder of the preprocessed data.
            approximate_n_voxels_dataset: voxels of all training images together, at this spacing.
            _cache: memory estimates so far; new ones are added.
        """
        spacing = np.array(spacing, dtype=float)
        if not all(spacing > 0):
            raise ArgumentError(f"the target spacing {spacing.tolist()} has to be positive along every axis")
        topology, estimate = self._fit_patch(spacing, median_shape, _cache)
        reference, reference_batch = self._memory_reference(len(spacing))
        batch_size = batch_size_for(
            estimate,
            reference,
            reference_batch,
            approximate_n_voxels_dataset * self.max_dataset_covered,
            topology.patch_size,
            self.UNet_min_batch_size,
        )
        schemes, use_mask = self.determine_normalization_scheme_and_whether_mask_is_used_for_norm()
        return {
            "data_identifier": data_identifier,
            "preprocessor_name": self.preprocessor_name,
            "batch_size": batch_size,
            "patch_size": topology.patch_size,
            "median_image_size_in_voxels": median_shape,
            "spacing": spacing,
            "normalization_schemes": schemes,
            "use_mask_for_norm": use_mask,
            **self._resampling_entries(),
            "architecture": self._architecture(topology),
        }

    def _resampling_entries(self) -> dict[str, Any]:
        for_data, data_keywords, for_seg, seg_keywords = self.determine_resampling()
        for_export, export_keywords = self.determine_segmentation_softmax_export_fn()
        return {
            "resampling_fn_data": for_data.__name__,
            "resampling_fn_seg": for_seg.__name__,
            "resampling_fn_data_kwargs": data_keywords,
            "resampling_fn_seg_kwargs": seg_keywords,
            "resampling_fn_probabilities": for_export.__name__,
            "resampling_fn_probabilities_kwargs": export_keywords,
        }

    def _memory_reference(self, dims: int) -> tuple[float, int]:
        """Return the number of feature-map elements that fit into the target, and at which batch size."""
        scale = self.UNet_vram_target_GB / self.UNet_reference_val_corresp_GB
        if dims == 2:
            return self.UNet_reference_val_2d * scale, self.UNet_reference_val_corresp_bs_2d
        return self.UNet_reference_val_3d * scale, self.UNet_reference_val_corresp_bs_3d

    def _is_too_large(self, estimate: int, dims: int) -> bool:
        """Tell whether a patch has to shrink: until two fit, whatever `UNet_min_batch_size` is."""
        reference, reference_batch = self._memory_reference(dims)
        return estimate / reference_batch * 2 > reference

    def _fit_patch(self, spacing: np.ndarray, median_shape: Numbers, cache: dict[str, int]) -> tuple[Topology, int]:
        """Return the topology for the largest patch that fits into the memory, and its estimate."""
        min_edge = self.UNet_featuremap_min_edge_length
        topology = topology_for(spacing, first_patch_size(spacing, median_shape), min_edge)
        while self._is_too_large(estimate := self._estimate(topology, cache), len(spacing)):
            topology = shrink_longest_axis(topology, spacing, median_shape, min_edge)
        return topology, estimate

    def _estimate(self, topology: Topology, cache: dict[str, int]) -> int:
        key = f"{topology.patch_size}_{topology.strides}"
        if key not in cache:
            block = self._architecture(topology)
            with chosen_by_code(self._network_module):
                cache[key] = self.static_estimate_VRAM_usage(
                    topology.patch_size,
                    len(channel_names(self.dataset_json)),
                    len(self.dataset_json["labels"]),
                    block["network_class_name"],
                    block["arch_kwargs"],
                    block["_kw_requires_import"],
                )
        return cache[key]

    def _architecture(self, topology: Topology) -> dict[str, Any]:
        dims = len(topology.patch_size)
        most_features = self.UNet_max_features_2d if dims == 2 else self.UNet_max_features_3d
        return unet_architecture(
            self._network_class_path,
            topology,
            features_per_stage(topology.n_stages, self.UNet_base_num_features, most_features),
            self.encoder_counts_key,
            self.UNet_blocks_per_stage_encoder,
            self.UNet_blocks_per_stage_decoder,
        )
