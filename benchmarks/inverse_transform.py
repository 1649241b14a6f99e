"""Measure how exactly the inverse-transform term recovers a known affine motion of edge maps (method, section 2.2).

Edges of random smooth shapes are drawn unmoved and moved. The shapes continue beyond the image, so that edges moved in
at the border are missing from the other map. Relative error: |found - true| / |true| of the six (twelve) parameters in
normalised coordinates.

    python benchmarks/inverse_transform.py [--maps 400] [--size 128] [--seed 0]
"""

import argparse
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from nnunetv2.boundary.edge_targets import edge_targets
from nnunetv2.boundary.inverse_transform import inverse_transform

SHIFT_PX, ROTATION_DEGREES, SCALE = 4.0, 5.0, 0.05
WAVES = 24


@dataclass(frozen=True)
class Errors:
    """Relative errors of the recovered affine map."""

    median: float
    percentile_90: float
    largest: float


def random_motion(count: int, dims: int, size: int, generator: torch.Generator, at_limits: bool) -> Tensor:
    """Return displacements (count, D, D + 1): shift, rotation and scale together, uniform or all at their limits."""

    def draw(*shape: int) -> Tensor:
        values = torch.rand(count, *shape, generator=generator) * 2 - 1
        return values.sign() if at_limits else values

    shift = draw(dims) * SHIFT_PX * 2 / size
    scale = 1 + draw(1, 1) * SCALE
    linear = torch.eye(dims).repeat(count, 1, 1) * scale
    for first in range(dims):
        for second in range(first + 1, dims):
            angle = draw() * math.radians(ROTATION_DEGREES)
            turn = torch.eye(dims).repeat(count, 1, 1)
            turn[:, first, first] = turn[:, second, second] = torch.cos(angle)
            turn[:, first, second], turn[:, second, first] = -torch.sin(angle), torch.sin(angle)
            linear = linear @ turn
    return torch.cat([shift[..., None], linear - torch.eye(dims)], dim=2)


def random_edges(motion: Tensor, size: int, waves_across: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return edge maps (M, *S) of random shapes, moved and in place; more waves across the image make finer shapes."""
    count, dims = motion.shape[:2]
    wave = torch.randn(count, WAVES, dims, generator=generator) * waves_across * math.pi
    phase = torch.rand(count, WAVES, 1, generator=generator) * 2 * math.pi
    strength = torch.randn(count, WAVES, 1, generator=generator)
    axis = (2 * torch.arange(size) + 1) / size - 1
    places = torch.stack(torch.meshgrid(*[axis] * dims, indexing="ij")[::-1]).flatten(1)

    def edges(coordinates: Tensor) -> Tensor:
        field = (strength * torch.cos(wave @ coordinates + phase)).sum(dim=1)
        labels = (field > 0.3).view(count, 1, *[size] * dims)
        return edge_targets(labels, [1])[0][:, 0]

    moved = places + motion[:, :, :1] + motion[:, :, 1:] @ places
    return edges(moved), edges(places.expand(count, -1, -1))


def measure(
    count: int, size: int, dims: int = 2, waves_across: float = 1.5, seed: int = 0, at_limits: bool = False
) -> Errors:
    """Return the errors over random maps."""
    generator = torch.Generator().manual_seed(seed)
    motion = random_motion(count, dims, size, generator, at_limits)
    prediction, target = random_edges(motion, size, waves_across, generator)
    found = inverse_transform(prediction, target)
    error = torch.linalg.vector_norm(found - motion, dim=(1, 2)) / torch.linalg.vector_norm(motion, dim=(1, 2))
    return Errors(float(error.median()), float(error.quantile(0.9)), float(error.max()))


def main() -> None:
    """Print the errors for shapes from coarse to fine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--maps", type=int, default=400, help="random maps per row")
    parser.add_argument("--size", type=int, default=128, help="pixels along an axis")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(f"{arguments.maps} maps of {arguments.size} x {arguments.size}, moved by up to {SHIFT_PX:g} px, ", end="")
    print(f"{ROTATION_DEGREES:g} degrees and {100 * SCALE:g} % scale together; target: median < 7 %, 90 % < 12 %")
    print(f"{'shapes':<10}{'motion':<18}{'median':>8}{'90 %':>8}{'largest':>9}")
    for waves in (1.0, 1.5, 2.0, 3.0, 5.0):
        for at_limits in (False, True):
            errors = measure(arguments.maps, arguments.size, 2, waves, arguments.seed, at_limits)
            motion = "all at their limit" if at_limits else "up to the limits"
            print(f"{waves:<10g}{motion:<18}{errors.median:8.1%}{errors.percentile_90:8.1%}{errors.largest:9.1%}")


if __name__ == "__main__":
    main()
