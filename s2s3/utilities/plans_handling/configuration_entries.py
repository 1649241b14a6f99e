"""The entries of one configuration as they stand in the plans."""

from __future__ import annotations

from typing import Any

from nnunetv2.utilities.plans_handling.old_plans import NamesOfOldPlans
from nnunetv2.utilities.plans_handling.plans_entries import required_entry


class ConfigurationEntries(NamesOfOldPlans):
    """Entries of `configuration`, a dict; absent ones raise MissingEntryError, a KeyError, that names `source`."""

    configuration: dict[str, Any]
    source: str

    def _get(self, key: str) -> Any:
        return required_entry(self.configuration, key, f"{self.source}: the configuration")

    def _architecture(self, key: str) -> Any:
        return required_entry(self._get("architecture"), key, f"{self.source}: the block 'architecture'")

    @property
    def data_identifier(self) -> str:
        """Folder of the preprocessed data."""
        return self._get("data_identifier")

    @property
    def preprocessor_name(self) -> str:
        """Name of the class that preprocesses cases."""
        return self._get("preprocessor_name")

    @property
    def batch_size(self) -> int:
        """Patches in a training step, on all GPUs together."""
        return self._get("batch_size")

    @property
    def patch_size(self) -> list[int]:
        """Pixels or voxels of a patch, axes transposed; two numbers for 2D."""
        return self._get("patch_size")

    @property
    def median_image_size_in_voxels(self) -> list[float]:
        """Median size of the preprocessed images, axes transposed."""
        return self._get("median_image_size_in_voxels")

    @property
    def spacing(self) -> list[float]:
        """Target spacing, axes transposed; two numbers for 2D."""
        return self._get("spacing")

    @property
    def normalization_schemes(self) -> list[str]:
        """Name of the normalization of each channel."""
        return self._get("normalization_schemes")

    @property
    def use_mask_for_norm(self) -> list[bool]:
        """Whether the normalization of each channel leaves out what was cropped away as background."""
        return self._get("use_mask_for_norm")

    @property
    def network_arch_class_name(self) -> str:
        """Dotted name of the class of the network."""
        return self._architecture("network_class_name")

    @property
    def network_arch_init_kwargs(self) -> dict[str, Any]:
        """Keyword arguments of that class, but for channels and deep supervision."""
        return self._architecture("arch_kwargs")

    @property
    def network_arch_init_kwargs_req_import(self) -> list[str]:
        """Names of those network arguments that are dotted names of objects."""
        return self._architecture("_kw_requires_import")

    @property
    def batch_dice(self) -> bool:
        """Whether the Dice loss takes all patches of a batch together."""
        return self._get("batch_dice")

    @property
    def previous_stage_name(self) -> str | None:
        """Configuration whose predictions this one refines, None without a cascade."""
        return self.configuration.get("previous_stage")

    @property
    def next_stage_names(self) -> list[str] | None:
        """Configurations that continue from this one's predictions."""
        names = self.configuration.get("next_stage")
        return [names] if isinstance(names, str) else names
