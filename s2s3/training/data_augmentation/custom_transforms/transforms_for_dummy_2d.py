"""Slices of a volume as channels, so that they are augmented alike in plane; for pipelines of batchgenerators."""

from collections.abc import Sequence
from typing import Any

from batchgenerators.transforms.abstract_transforms import AbstractTransform

from nnunetv2.errors import CallError


class Convert3DTo2DTransform(AbstractTransform):
    """Turns arrays (B, C, x, y, z) into (B, C * x, y, z) and stores the shape under `orig_shape_<key>`."""

    def __init__(self, apply_to_keys: Sequence[str] = ("data", "seg")):
        self.apply_to_keys = apply_to_keys

    def __call__(self, **data_dict: Any) -> dict[str, Any]:
        """Return the batch. Raises CallError for other than five axes, and if the shape is stored already."""
        for key in self.apply_to_keys:
            shape, stored = data_dict[key].shape, _shape_key(key)
            if len(shape) != 5:
                raise CallError(f"{key} has shape {shape}; expected five axes, (batch, channel, x, y, z)")
            if stored in data_dict:
                raise CallError(f"the batch has an entry {stored} already; slices can be made channels only once")
            data_dict[stored] = shape
            data_dict[key] = data_dict[key].reshape((shape[0], shape[1] * shape[2], shape[3], shape[4]))
        return data_dict


class Convert2DTo3DTransform(AbstractTransform):
    """Undoes Convert3DTo2DTransform; y and z may have changed in between, and the stored shape stays."""

    def __init__(self, apply_to_keys: Sequence[str] = ("data", "seg")):
        self.apply_to_keys = apply_to_keys

    def __call__(self, **data_dict: Any) -> dict[str, Any]:
        """Return the batch. Raises CallError without a stored shape."""
        for key in self.apply_to_keys:
            stored = _shape_key(key)
            if stored not in data_dict:
                raise CallError(f"the batch has no entry {stored}; Convert3DTo2DTransform must come before")
            flat = data_dict[key]
            data_dict[key] = flat.reshape((*data_dict[stored][:3], *flat.shape[-2:]))
        return data_dict


def _shape_key(key: str) -> str:
    return f"orig_shape_{key}"
