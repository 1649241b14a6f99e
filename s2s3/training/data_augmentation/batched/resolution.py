"""Changes of sharpness: Gaussian blur and a simulated lower resolution, in place."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from nnunetv2.training.data_augmentation.batched.planes import spread


def blur(planes: Tensor, deviations: Tensor) -> None:
    """Blur planes (N, *spatial) with Gaussians of deviations (N, n) in pixels, mirrored at the borders.

    A kernel has the size 2 r + 1 with r = round(6 s) // 2, that of the plane's own deviation s.
    """
    source, target = planes, torch.empty_like(planes)
    for axis in range(1, planes.ndim):
        _blur_axis(source, gaussian_halves(deviations[:, axis - 1]).to(planes.device), axis, target)
        source, target = target, source
    if source is not planes:
        planes.copy_(source)


def gaussian_halves(deviations: Tensor) -> Tensor:
    """Return the weights of the distances 0, 1, ... from the centre, (N, largest radius + 1); 0 beyond the own one."""
    radii = (6 * deviations).round().div(2, rounding_mode="floor")
    distances = torch.arange(int(radii.max()) + 1, device=deviations.device)
    weights = torch.exp(-0.5 * (distances / deviations.clamp(min=1e-6)[:, None]) ** 2)
    weights = weights * (distances <= radii[:, None])
    return weights / (2 * weights.sum(1, keepdim=True) - weights[:, :1])


def _blur_axis(planes: Tensor, weights: Tensor, axis: int, out: Tensor) -> None:
    """Write planes blurred along an axis; weights (N, radius + 1) by distance, with a radius below the axis' length."""
    torch.mul(planes, spread(weights[:, 0], planes), out=out)
    for distance in range(1, min(weights.shape[1], planes.shape[axis])):
        weight = spread(weights[:, distance], planes)
        inner = planes.shape[axis] - distance
        ends = planes.narrow(axis, 1, distance), planes.narrow(axis, inner - 1, distance)
        for start, shifted in (
            (0, planes.narrow(axis, distance, inner)),
            (distance, planes.narrow(axis, 0, inner)),
            (0, ends[0].flip(axis)),
            (inner, ends[1].flip(axis)),
        ):
            out.narrow(axis, start, shifted.shape[axis]).addcmul_(shifted, weight)


def lower_resolution(planes: Tensor, shares: Tensor, first_axis: int = 0) -> None:
    """Sample planes at fewer pixels, the nearest ones, and interpolate linearly between them.

    Parameters:
        shares: of the pixels of an axis that are kept, (N, 1).
        first_axis: of the spatial axes that lose pixels.
    """
    linear = "bilinear" if planes.ndim == 3 else "trilinear"
    size = list(planes.shape[1:])
    for plane, share in zip(planes, shares[:, 0].tolist(), strict=True):
        small = [*size[:first_axis], *(max(1, round(length * share)) for length in size[first_axis:])]
        kept = interpolate(plane[None, None], small, mode="nearest-exact")
        plane.copy_(interpolate(kept, size, mode=linear)[0, 0])
