"""Plans the configurations of a dataset: 2d, 3d_lowres, 3d_fullres, 3d_cascade_fullres."""

import logging
from typing import Any, Protocol

import numpy as np

from nnunetv2.experiment_planning.experiment_planners.spacing_statistics import lower_resolution

_log = logging.getLogger(__name__)


class PlansOneConfiguration(Protocol):
    """The part of a planner that is used here."""

    lowres_creation_threshold: float
    dataset_json: dict[str, Any]

    def get_plans_for_configuration(
        self,
        spacing: Any,
        median_shape: Any,
        data_identifier: str,
        approximate_n_voxels_dataset: float,
        _cache: dict[str, int],
    ) -> dict[str, Any]: ...

    def generate_data_identifier(self, configuration_name: str) -> str: ...


class ConfigurationSet:
    """Plans all configurations of a dataset through one planner.

    Parameters:
        spacing: target spacing of full resolution, axes transposed.
        median_shape: median image size at that spacing.
    """

    def __init__(self, planner: PlansOneConfiguration, spacing: np.ndarray, median_shape: np.ndarray):
        self._planner = planner
        self._spacing = np.asarray(spacing, dtype=float)
        self._median_shape = median_shape
        self._num_cases = planner.dataset_json["numTraining"]
        self._cache: dict[str, int] = {}

    def plan(self) -> dict[str, dict[str, Any]]:
        """Return configuration name -> entry, in the order of plans.json; only `2d` for images of one slice."""
        fullres = lowres = None
        if self._median_shape[0] != 1:
            fullres = self._plan_one("3d_fullres", self._spacing, self._median_shape)
            lowres = self._plan_lowres(fullres)
            fullres["batch_dice"] = lowres is not None
        flat = self._plan_one("2d", self._spacing[1:], self._median_shape[1:])
        flat["batch_dice"] = True
        return _in_file_order(flat, lowres, fullres)

    def _plan_one(
        self, name: str, spacing: np.ndarray, median_shape: Any, voxels: float | None = None
    ) -> dict[str, Any]:
        voxels = float(np.prod(self._median_shape)) if voxels is None else voxels
        identifier = self._planner.generate_data_identifier(name)
        return self._planner.get_plans_for_configuration(
            spacing, median_shape, identifier, voxels * self._num_cases, self._cache
        )

    def _plan_lowres(self, fullres: dict[str, Any]) -> dict[str, Any] | None:
        """Coarsen the spacing until a patch covers enough of the image; return None if the voxels do not even halve."""
        spacing, lowres = self._spacing, None
        full_voxels = voxels = float(np.prod(self._median_shape))
        patch_voxels = np.prod(fullres["patch_size"], dtype=np.float64)
        while patch_voxels / voxels < self._planner.lowres_creation_threshold:
            spacing = lower_resolution(spacing)
            shape = self._spacing / spacing * self._median_shape
            voxels = float(np.prod(shape))
            lowres = self._plan_one("3d_lowres", spacing, tuple(round(edge) for edge in shape), voxels)
            patch_voxels = np.prod(lowres["patch_size"], dtype=np.float64)
        if lowres is None or full_voxels / voxels < 2:
            return None
        return {**lowres, "batch_dice": False}


def _in_file_order(
    flat: dict[str, Any], lowres: dict[str, Any] | None, fullres: dict[str, Any] | None
) -> dict[str, dict[str, Any]]:
    configurations = {"2d": flat}
    if lowres is not None:
        configurations["3d_lowres"] = {**lowres, "next_stage": "3d_cascade_fullres"}
    if fullres is not None:
        configurations["3d_fullres"] = fullres
    if lowres is not None:
        configurations["3d_cascade_fullres"] = {"inherits_from": "3d_fullres", "previous_stage": "3d_lowres"}
    return configurations
