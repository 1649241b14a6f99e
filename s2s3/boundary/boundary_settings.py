"""Settings of the boundary loss (method, section 2.2)."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nnunetv2.errors import InvalidValueError


@dataclass(frozen=True)
class BoundaryLossSettings:
    """Settings of the boundary loss; terms of weight 0 are not computed."""

    edge_weight: float = 0.2
    """Weight of L_edge relative to the segmentation loss."""
    inverse_weight: float = 0.3
    """Weight of the inverse-transform term inside L_edge."""
    field_weight: float = 0.2
    """Weight of the boundary-influence-field term inside L_edge."""
    skeleton_weight: float = 0.2
    """Weight of the skeleton term inside L_edge."""
    cross_entropy_weight: float = 0.0
    """Weight of the binary cross entropy of the edge maps inside L_edge, a plain rival of the three published terms."""
    long_range_weight: float = 0.3
    """Weight of the long-range part inside the field and the skeleton term."""
    field_steps: int = 10
    """Reach of an edge's influence in pixels (R)."""
    affinity_tau: float = 0.02
    """Width of the long-range map's value affinity, in squared units of the map; at 0.02, values 0.1 apart have 0.6."""
    affinity_bins: int = 64
    """Number of values for which the long-range map is computed; values in between are interpolated."""

    def __post_init__(self) -> None:
        problems = [name for name, value in self.to_dict().items() if name.endswith("_weight") and not value >= 0]
        problems += [name for name in ("field_steps", "affinity_tau") if not getattr(self, name) > 0]
        problems += ["affinity_bins"] if self.affinity_bins < 2 else []
        if problems:
            raise InvalidValueError(
                f"BoundaryLossSettings: got {', '.join(f'{n}={getattr(self, n)!r}' for n in problems)}; expected "
                "weights of 0 or more, a positive field_steps and affinity_tau, 2 affinity_bins or more"
            )

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "BoundaryLossSettings":
        """Build from the output of `to_dict`; missing keys take their defaults, unknown keys are errors."""
        known = [field.name for field in dataclasses.fields(cls)]
        unknown = [key for key in content if key not in known]
        if unknown:
            raise InvalidValueError(f"BoundaryLossSettings: unknown keys {unknown}, expected some of {known}")
        return cls(**content)

    def to_dict(self) -> dict[str, Any]:
        """Return all settings as plain values."""
        return dataclasses.asdict(self)

    @property
    def term_weights(self) -> dict[str, float]:
        """Weights of the terms above 0, by name."""
        names = ("inverse", "field", "skeleton", "cross_entropy")
        weights: dict[str, float] = {name: getattr(self, f"{name}_weight") for name in names}
        return {name: weight for name, weight in weights.items() if weight > 0}
