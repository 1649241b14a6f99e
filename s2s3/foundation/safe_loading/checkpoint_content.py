"""Reads the description in a checkpoint of torch without building a tensor, to decide whether torch may load it.

Every tensor has to fit into the bytes that the file holds for it, and no name but those of tensors, numbers and plain
Python values may occur.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pickle import UnpicklingError
from typing import IO, Any

from nnunetv2.foundation.safe_loading.pickle_reader import Extension, read_pickle
from nnunetv2.foundation.safe_loading.pickle_values import Constant, ReadingBudget, constructors, require, set_state

_ITEM_BYTES = {
    **dict.fromkeys(("torch DoubleStorage", "torch LongStorage", "torch ComplexFloatStorage"), 8),
    **dict.fromkeys(("torch FloatStorage", "torch IntStorage"), 4),
    **dict.fromkeys(("torch HalfStorage", "torch BFloat16Storage", "torch ShortStorage"), 2),
    **dict.fromkeys(("torch CharStorage", "torch ByteStorage", "torch BoolStorage", "torch.storage UntypedStorage"), 1),
    "torch ComplexDoubleStorage": 16,
}
_DTYPES = (
    *("bool", "uint8", "int8", "int16", "int32", "int64"),
    *("float16", "bfloat16", "float32", "float64", "complex64", "complex128"),
)
_NAMES = frozenset([*_ITEM_BYTES, *(f"torch {name}" for name in _DTYPES)])
_PYTHON = (
    *("_codecs encode", "collections OrderedDict", "numpy dtype"),
    *("__builtin__ set", "__builtin__ bytearray", "__builtin__ bytes", "__builtin__ complex"),
)
_MOST_INSTRUCTIONS = 4_000_000
"""A checkpoint holds dataset.json, with about 15 instructions for each case that is listed there."""
_NAMES_OF_A_TENSOR = 4
"""In a checkpoint without an optimizer: nnU-Net's networks have each weight of the encoder under so many names."""
_METADATA = "_metadata"
"""What `state_dict()` adds to its dict as an attribute: versions of modules."""


@dataclass(frozen=True)
class _Storage:
    item_bytes: int
    items: int


@dataclass(frozen=True)
class _Leaf:
    """Stands for a tensor, a device or a size."""


def check_checkpoint(stream: IO[bytes], size_bytes: int, storage_bytes: Mapping[str, int]) -> None:
    """Raise what `read_pickle` raises unless the description of a checkpoint is one of tensors and plain values.

    Parameters:
        stream: the entry `data.pkl` of the file, of `size_bytes`.
        storage_bytes: name -> bytes that the file holds for a storage of tensors.
    """

    def find_storage(description: Any) -> _Storage:
        require(type(description) is tuple and len(description) == 5, "storage")
        kind, reference, name, _, items = description
        require(kind == "storage" and type(reference) is Constant and reference.name in _ITEM_BYTES, "storage")
        require(type(name) is str and type(items) is int and items >= 0, "storage")
        item_bytes = _ITEM_BYTES[reference.name]
        present = storage_bytes.get(name)
        if present != items * item_bytes:
            raise UnpicklingError(f"a storage of {items * item_bytes} bytes, of which the file holds {present or 0}")
        return _Storage(item_bytes, items)

    # A budget is for twice its size.
    budget = ReadingBudget(size_bytes + _NAMES_OF_A_TENSOR // 2 * sum(storage_bytes.values()))
    extension = Extension(
        _constructors(budget), _NAMES, find_storage, _set_state, (_Leaf, Constant), _MOST_INSTRUCTIONS
    )
    read_pickle(stream, size_bytes, {}, budget, extension)


def _constructors(budget: ReadingBudget) -> dict[str, Callable[..., Any]]:
    def tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> _Leaf:
        require(type(storage) is _Storage and type(size) is tuple and type(stride) is tuple, "tensor")
        require(len(size) == len(stride), "tensor")
        require(all(type(n) is int and 0 <= n < 2**63 for n in (offset, *size, *stride)), "tensor")
        last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
        require(0 in size or last < storage.items or storage.item_bytes == 1, "tensor, larger than its storage")
        budget.charge(math.prod(size) * storage.item_bytes)
        return _Leaf()

    return {
        **{name: build for name, build in constructors(budget).items() if name in _PYTHON or name.endswith(" scalar")},
        "torch._utils _rebuild_tensor_v2": tensor,
        "torch._utils _rebuild_tensor_v3": tensor,
        "torch._utils _rebuild_parameter": _parameter,
        "torch device": _device,
        "torch Size": _size,
    }


def _parameter(data: Any, requires_grad: Any, hooks: Any) -> _Leaf:
    require(type(data) is _Leaf, "parameter")
    return data


def _device(kind: Any, index: Any = None) -> _Leaf:
    require(type(kind) is str and (index is None or type(index) is int), "device")
    return _Leaf()


def _size(lengths: Any) -> _Leaf:
    require(type(lengths) is tuple and all(type(length) is int for length in lengths), "size")
    return _Leaf()


def _set_state(target: Any, state: Any, budget: ReadingBudget) -> None:
    if type(target) is OrderedDict:
        require(type(state) is dict and set(state) <= {_METADATA}, "attributes of an OrderedDict")
    else:
        set_state(target, state, budget)
