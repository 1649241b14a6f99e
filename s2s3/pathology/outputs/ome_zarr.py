"""Writes labels and probabilities of a slide as OME-Zarr 0.5 (Zarr version 3); needs the extra `zarr`.

With probabilities, they are the image and the labels belong to it; without them, the labels are the image.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnunetv2.errors import SettingsError
from nnunetv2.pathology.outputs.label_reduction import Array, halved
from nnunetv2.pathology.outputs.labelled_slide import GREY, LabelledSlide
from nnunetv2.pathology.outputs.ome_pyramid import ReadPlane, level_sizes
from nnunetv2.pathology.outputs.overlay import class_colours
from nnunetv2.pathology.outputs.probability_map import ONE, mean_of_pairs
from s1.partial_files import partial_folder

LABELS_ZARR, PROBABILITIES_ZARR = "labels.ome.zarr", "probabilities.ome.zarr"
_VERSION = "0.5"
_CHUNK_PX = 512
_LABELS = "classes"
_OPAQUE = 255


@dataclass(frozen=True)
class _Image:
    """What becomes a pyramid: `planes` is None for an image without an axis of channels."""

    read: ReadPlane
    planes: int | None
    size: tuple[int, int]
    mpp: tuple[float, float]
    dtype: Any
    halve: Callable[[Array], Array]


def require_zarr() -> None:
    """Raise SettingsError if the package is missing."""
    try:
        import zarr  # noqa: F401
    except ImportError:
        raise SettingsError("--save zarr needs the package zarr: pip install nnunetv2[zarr] (Python 3.11)") from None


def write_ome_zarr(slide: LabelledSlide, folder: Path) -> Path:
    """Write the folder of a slide's labels and probabilities; return its path. Raises SettingsError without zarr."""
    require_zarr()
    import zarr

    found = slide.probabilities
    target = folder / (LABELS_ZARR if found is None else PROBABILITIES_ZARR)
    size = (slide.height, slide.width)
    dtype = slide.read_labels(0, 0, 1, 1).dtype
    labels = _Image(lambda _, *window: slide.read_labels(*window), None, size, slide.mpp, dtype, halved)
    with partial_folder(folder) as scratch:
        root = zarr.create_group(store=str(scratch / target.name), zarr_format=3)
        if found is None:
            _write(root, labels, slide.name, {"image-label": _label_properties(slide, None)})
        else:
            mpp = (slide.mpp[0] * found.factor, slide.mpp[1] * found.factor)
            image = _Image(found.read, len(found.classes), found.size, mpp, np.dtype(np.uint8), mean_of_pairs)
            _write(root, image, slide.name, {"omero": _channels(found.classes, slide.classes)})
            group = root.create_group("labels", attributes={"ome": {"version": _VERSION, "labels": [_LABELS]}})
            _write(group.create_group(_LABELS), labels, _LABELS, {"image-label": _label_properties(slide, "../../")})
        _replace(scratch / target.name, target)
    return target


def _write(group: Any, image: _Image, name: str, more: Mapping[str, Any]) -> None:
    """Write the levels of an image, each from the one before it, and what the group says about them."""
    from zarr.codecs import ZstdCodec

    sizes = level_sizes(*image.size)
    stack, leading = ("c",) * (image.planes is not None), () if image.planes is None else (image.planes,)
    chunks = (*(1 for _ in leading), _CHUNK_PX, _CHUNK_PX)
    levels = [
        group.create_array(
            name=str(level),
            shape=(*leading, *size),
            chunks=chunks,
            dtype=image.dtype,
            compressors=ZstdCodec(level=3),
            dimension_names=[*stack, "y", "x"],
        )
        for level, size in enumerate(sizes)
    ]
    for plane in range(image.planes or 1):
        at = () if image.planes is None else (plane,)
        _fill(levels, at, sizes, lambda *window, plane=plane: image.read(plane, *window), image.halve)
    group.attrs["ome"] = {"version": _VERSION, "multiscales": [_multiscale(name, image, len(sizes))], **more}


def _fill(
    levels: Sequence[Any], at: tuple[int, ...], sizes: Sequence[tuple[int, int]], read: Any, halve: Callable[..., Any]
) -> None:
    height, width = sizes[0]
    for top in range(0, height, _CHUNK_PX):
        bottom = min(height, top + _CHUNK_PX)
        levels[0][(*at, slice(top, bottom), slice(None))] = read(top, 0, bottom - top, width)
    for finer, coarser, (rows, _) in zip(levels, levels[1:], sizes[1:], strict=False):
        for top in range(0, rows, _CHUNK_PX):
            bottom = min(rows, top + _CHUNK_PX)
            strip = np.ascontiguousarray(finer[(*at, slice(2 * top, 2 * bottom), slice(None))])
            coarser[(*at, slice(top, bottom), slice(None))] = halve(strip)


def _multiscale(name: str, image: _Image, levels: int) -> dict[str, Any]:
    space = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "yx"]
    axes = space if image.planes is None else [{"name": "c", "type": "channel"}, *space]
    leading = [] if image.planes is None else [1.0]
    datasets = [
        {
            "path": str(level),
            "coordinateTransformations": [
                {"type": "scale", "scale": [*leading, image.mpp[1] * 2**level, image.mpp[0] * 2**level]}
            ],
        }
        for level in range(levels)
    ]
    return {"name": name, "axes": axes, "datasets": datasets}


def _channels(shown: Sequence[str], classes: Mapping[str, int]) -> dict[str, Any]:
    colours = class_colours(classes)
    window = {"start": 0, "end": ONE, "min": 0, "max": ONE}
    return {
        "channels": [
            {
                "label": name,
                "color": "".join(f"{part:02X}" for part in colours.get(name, GREY)),
                "window": window,
                "active": True,
            }
            for name in shown
        ]
    }


def _label_properties(slide: LabelledSlide, source: str | None) -> dict[str, Any]:
    colours = class_colours(slide.classes)
    return {
        "version": _VERSION,
        "colors": [{"label-value": slide.classes[name], "rgba": [*rgb, _OPAQUE]} for name, rgb in colours.items()],
        "properties": [{"label-value": label, "class": name} for name, label in slide.classes.items()],
        **({} if source is None else {"source": {"image": source}}),
    }


def _replace(made: Path, target: Path) -> None:
    """Put a folder in the place of an older one."""
    if target.is_symlink() or target.is_file():
        target.unlink()
    elif target.exists():
        shutil.rmtree(target)
    made.rename(target)
