"""Domains: how a laboratory and its scanner change the look of tissue, with three clearly different examples."""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from sample_data.layout import ClassMix

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class StainDomain:
    """Stains, optics, sensor and case mix of one domain."""

    name: str
    haematoxylin_vector: Vector
    """Absorption of red, green and blue; normalised before use."""
    eosin_vector: Vector
    haematoxylin_strength: float
    """Optical density (natural logarithm) of one unit of stain."""
    eosin_strength: float
    mix: ClassMix
    glass_colour: Vector = (0.97, 0.97, 0.97)
    """Light through empty glass, 0..1."""
    blur_px: float = 0.6
    """Standard deviation of the optics' blur."""
    gamma: float = 1.0
    noise_std: float = 2.0
    """Standard deviation of the sensor's noise, in grey levels."""
    jpeg_quality: int = 90
    strength_variation: float = 0.08
    """Relative standard deviation of the stain strengths from slide to slide."""

    def __post_init__(self) -> None:
        if not 1 <= self.jpeg_quality <= 100:
            raise ValueError(f"jpeg_quality is {self.jpeg_quality}, expected 1 to 100")
        for name in ("haematoxylin_strength", "eosin_strength", "gamma"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}, expected a number above 0")
        for name in ("blur_px", "noise_std", "strength_variation"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 0 or more")

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "StainDomain":
        """Build from the output of `to_dict`. Raises ValueError for unknown keys."""
        unknown = set(content) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(
                f"unknown keys {sorted(unknown)}, expected some of {[field.name for field in fields(cls)]}"
            )
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in content.items()
        }
        return cls(**values | {"mix": ClassMix(**content["mix"])})

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def on_slide(self, rng: np.random.Generator) -> "StainDomain":
        """Return the domain with the stain strengths of one slide, which vary a little between slides."""
        haematoxylin, eosin = np.exp(self.strength_variation * rng.standard_normal(2))
        return replace(
            self,
            haematoxylin_strength=self.haematoxylin_strength * float(haematoxylin),
            eosin_strength=self.eosin_strength * float(eosin),
        )

    def on_tile(self, rng: np.random.Generator) -> "StainDomain":
        """Return the domain with the class mix of one tile."""
        glass, tumor = np.exp(0.3 * rng.standard_normal(2))
        mix = replace(
            self.mix,
            glass=float(np.clip(self.mix.glass * glass, 0.02, 0.6)),
            tumor_in_tissue=float(np.clip(self.mix.tumor_in_tissue * tumor, 0.15, 0.8)),
        )
        return replace(self, mix=mix)


EXAMPLE_DOMAINS = (
    StainDomain(
        name="harbor",
        haematoxylin_vector=(0.65, 0.70, 0.29),
        eosin_vector=(0.09, 0.95, 0.28),
        haematoxylin_strength=1.45,
        eosin_strength=0.75,
        mix=ClassMix(glass=0.15, tumor_in_tissue=0.45),
        blur_px=0.6,
        jpeg_quality=92,
    ),
    StainDomain(
        name="meadow",
        haematoxylin_vector=(0.55, 0.76, 0.35),
        eosin_vector=(0.14, 0.86, 0.48),
        haematoxylin_strength=1.75,
        eosin_strength=0.95,
        mix=ClassMix(glass=0.10, tumor_in_tissue=0.60, lumen=0.1),
        glass_colour=(0.95, 0.91, 0.90),
        blur_px=0.9,
        gamma=1.1,
        noise_std=3.0,
        jpeg_quality=75,
    ),
    StainDomain(
        name="summit",
        haematoxylin_vector=(0.74, 0.62, 0.25),
        eosin_vector=(0.05, 0.98, 0.12),
        haematoxylin_strength=1.15,
        eosin_strength=0.45,
        mix=ClassMix(glass=0.25, tumor_in_tissue=0.35, lumen=0.5),
        glass_colour=(0.93, 0.95, 0.99),
        blur_px=0.8,
        gamma=0.85,
        noise_std=1.5,
        jpeg_quality=85,
    ),
)
