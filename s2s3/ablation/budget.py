"""The budget of an ablation: one small network and schedule, the same for every trainer that is compared."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from nnunetv2.errors import SettingsError


@dataclass(frozen=True)
class Budget:
    """Network, patch and schedule of every training of an ablation."""

    name: str
    features_per_stage: tuple[int, ...] = (12, 24, 48, 64, 64)
    """Of the encoder; the decoder mirrors it. Every stage but the first halves the image."""
    patch_size: int = 128
    """Side of the square (cubic) training patch, in pixels."""
    batch_size: int = 4
    epochs: int = 10
    iterations_per_epoch: int = 40
    validation_iterations: int = 4
    mirroring: bool = False
    """Whether test images are predicted in all mirrored versions."""

    @property
    def configuration(self) -> str:
        """Suffix of the configuration that holds this budget in the plans of a training."""
        return f"ablation_{self.name}"

    def to_dict(self) -> dict[str, Any]:
        """Return all settings as plain values."""
        return json.loads(json.dumps(asdict(self)))

    def shrink(self, plans: Mapping[str, Any], configuration: str) -> dict[str, Any]:
        """Return plans with a further configuration that inherits from the given one, at this budget.

        Its name is `<configuration>_<self.configuration>`. Raises SettingsError for a network that is not a plain or
        residual encoder U-Net of nnU-Net's plans.
        """
        planned = plans["configurations"][configuration]
        architecture = planned.get("architecture") or {}
        arguments = {**architecture.get("arch_kwargs", {}), **self._network(architecture, len(planned["patch_size"]))}
        small = {
            "inherits_from": configuration,
            "patch_size": [self.patch_size] * len(planned["patch_size"]),
            "batch_size": self.batch_size,
            "architecture": {**architecture, "arch_kwargs": arguments},
        }
        names = {**plans["configurations"], f"{configuration}_{self.configuration}": small}
        return {**plans, "configurations": names}

    def _network(self, architecture: Mapping[str, Any], dims: int) -> dict[str, Any]:
        stages = len(self.features_per_stage)
        blocks = "n_conv_per_stage", "n_blocks_per_stage"
        present = [key for key in blocks if key in architecture.get("arch_kwargs", {})]
        if not present:
            got = architecture.get("network_class_name", "no architecture")
            raise SettingsError(f"the plans have {got}; an ablation shrinks plain and residual encoder U-Nets only")
        return {
            "n_stages": stages,
            "features_per_stage": list(self.features_per_stage),
            "kernel_sizes": [[3] * dims] * stages,
            "strides": [[1] * dims, *[[2] * dims] * (stages - 1)],
            present[0]: [2] * stages,
            "n_conv_per_stage_decoder": [2] * (stages - 1),
        }


BUDGETS = {
    budget.name: budget
    for budget in (
        Budget("small"),
        Budget("quick", (8, 16, 32), patch_size=64, batch_size=4, epochs=2, iterations_per_epoch=5),
    )
}
"""small: what docs/ablation.md was measured with; quick: shows within seconds a training that the command works."""


def find_budget(name: str) -> Budget:
    """Return a budget by its name. Raises SettingsError that lists the known ones."""
    if name not in BUDGETS:
        raise SettingsError(f"unknown budget {name!r}, expected one of {', '.join(BUDGETS)}")
    return BUDGETS[name]
