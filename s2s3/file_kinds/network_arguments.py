"""The entry `architecture` of a configuration, as far as it describes a U-Net of dynamic_network_architectures.

The arguments of other networks are not judged: their names may mean something else there.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from s1.json_schema import (
    NAME,
    OBJECT,
    TEXT,
    TRUE_OR_FALSE,
    Either,
    ListOf,
    Problem,
    Record,
    Schema,
    Value,
    optional,
    whole_number,
)

_PACKAGE = "dynamic_network_architectures."
_U_NETS = {
    "PlainConvUNet": "n_conv_per_stage",
    "ResidualEncoderUNet": "n_blocks_per_stage",
    "ResidualUNet": "n_blocks_per_stage",
}
"""Class -> its argument for the blocks of each stage of the encoder."""
MOST_STAGES = 32
MOST_WEIGHTS = 10**10
"""Rounded up from the largest networks that fit a GPU; the largest preset of nnU-Net has 10^8."""

_FEATURES, _BLOCKS, _STRIDE = whole_number(1, 2**16), whole_number(1, 1000), whole_number(1, 1024)
_KERNEL = Value("an odd number from 1 to 99", lambda value: type(value) is int and 1 <= value <= 99 and value % 2 == 1)
_PER_STAGE: Mapping[str, Schema] = {
    "features_per_stage": Either((_FEATURES, ListOf(_FEATURES, 1))),
    "kernel_sizes": Either((_KERNEL, ListOf(Either((_KERNEL, ListOf(_KERNEL, 2, 3))), 1))),
    "strides": Either((_STRIDE, ListOf(Either((_STRIDE, ListOf(_STRIDE, 2, 3))), 1))),
    "n_conv_per_stage": Either((_BLOCKS, ListOf(_BLOCKS, 1))),
    "n_blocks_per_stage": Either((_BLOCKS, ListOf(_BLOCKS, 1))),
    "n_conv_per_stage_decoder": Either((_BLOCKS, ListOf(_BLOCKS))),
}
_OTHER_ARGUMENTS: Mapping[str, Schema] = {
    "conv_op": NAME,
    "conv_bias": TRUE_OR_FALSE,
    **{f"{what}_op": optional(TEXT) for what in ("norm", "dropout")},
    "nonlin": optional(TEXT),
    **{f"{what}_kwargs": optional(OBJECT) for what in ("norm_op", "dropout_op", "nonlin")},
}

OLD_ENTRIES = Record(
    {},
    {
        "UNet_class_name": NAME,
        "n_conv_per_stage_encoder": ListOf(_BLOCKS, 1),
        "n_conv_per_stage_decoder": ListOf(_BLOCKS),
        "pool_op_kernel_sizes": ListOf(ListOf(_STRIDE, 2, 3), 1),
        "conv_kernel_sizes": ListOf(ListOf(_KERNEL, 2, 3), 1),
        "unet_max_num_features": _FEATURES,
        "UNet_base_num_features": _FEATURES,
    },
)
"""What described the network before nnU-Net 2.3.1."""


def architecture_problems(configuration: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the arguments of a U-Net; `architecture` has the right types, or is absent."""
    architecture = configuration.get("architecture", {})
    if not is_u_net(architecture):
        return
    arguments, blocks = architecture["arch_kwargs"], _blocks_argument(architecture)
    needed = ("features_per_stage", "kernel_sizes", "strides", blocks, "n_conv_per_stage_decoder")
    schema = Record(
        {"n_stages": whole_number(2, MOST_STAGES), "conv_op": NAME} | {key: _PER_STAGE[key] for key in needed},
        _OTHER_ARGUMENTS,
    )
    problems = list(schema.problems(arguments)) or list(_misfits(arguments, blocks))
    yield from (problem.inside("arch_kwargs").inside("architecture") for problem in problems)


def patch_problems(configuration: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield why a U-Net without other problems cannot be fed with `patch_size`: its dimensions, or what strides leave.

    Only training asks for this, with networks from the plans: a trainer may build another one.
    """
    architecture, patch_size = configuration.get("architecture", {}), configuration.get("patch_size")
    if patch_size is None or not is_u_net(architecture):
        return
    arguments = architecture["arch_kwargs"]
    if _dims(arguments) != len(patch_size):
        yield Problem(f"has {len(patch_size)} entries, but conv_op is {arguments['conv_op']}", ("patch_size",))
    else:
        yield from _indivisible(_per_stage(arguments, "strides"), patch_size)


def stride_problems(arguments: Mapping[str, Any]) -> list[Problem]:
    """Return why the strides of any network, also one that is no U-Net, cannot be spelled out."""
    schema = Record({"strides": _PER_STAGE["strides"]}, {"n_stages": whole_number(1, MOST_STAGES)})
    return list(schema.problems(arguments))


def uneven_strides(strides: Sequence[Sequence[int]]) -> list[Problem]:
    """Return whether stages that are spelled out have different numbers of axes."""
    lengths = {len(stride) for stride in strides}
    text = f"has entries for {' and for '.join(map(str, sorted(lengths)))} axes, expected the same axes in all"
    return [Problem(text, ("strides",))] if len(lengths) > 1 else []


def is_u_net(architecture: Mapping[str, Any]) -> bool:
    """Tell whether the network is a U-Net of dynamic_network_architectures."""
    name = architecture.get("network_class_name", "")
    return name.startswith(_PACKAGE) and name.rpartition(".")[2] in _U_NETS and "arch_kwargs" in architecture


def _blocks_argument(architecture: Mapping[str, Any]) -> str:
    return _U_NETS[architecture["network_class_name"].rpartition(".")[2]]


def _dims(arguments: Mapping[str, Any]) -> int:
    return 2 if arguments["conv_op"].endswith("2d") else 3


def _misfits(arguments: Mapping[str, Any], blocks: str) -> Iterator[Problem]:
    stages = arguments["n_stages"]
    lengths = dict.fromkeys(("features_per_stage", "kernel_sizes", "strides", blocks), stages)
    wrong = [
        Problem(f"has {len(arguments[key])} entries, expected {length}: n_stages is {stages}", (key,))
        for key, length in {**lengths, "n_conv_per_stage_decoder": stages - 1}.items()
        if isinstance(arguments[key], list) and len(arguments[key]) != length
    ]
    yield from wrong or _size_misfits(arguments, blocks)


def _size_misfits(arguments: Mapping[str, Any], blocks: str) -> Iterator[Problem]:
    dims = _dims(arguments)
    for key in ("kernel_sizes", "strides"):
        if isinstance(arguments[key], list) and any(isinstance(e, list) and len(e) != dims for e in arguments[key]):
            yield Problem(f"has entries that are not of {dims} dimensions, as {arguments['conv_op']} has", (key,))
            return
    weights = estimated_weights(arguments, blocks)
    if weights > MOST_WEIGHTS:
        text = f"describes a network of about {weights:.1g} weights, expected at most {MOST_WEIGHTS:.0g}"
        yield Problem(f"{text}; have fewer features, blocks or stages")


def _indivisible(strides: Sequence[Sequence[int]], patch_size: Sequence[int]) -> Iterator[Problem]:
    """Yield the axes whose size the decoder cannot restore; the strides of the first stage are not undone by it."""
    for axis, size in enumerate(patch_size):
        remaining = -(-size // strides[0][axis])
        factor = math.prod(stride[axis] for stride in strides[1:])
        if remaining % factor:
            text = (
                f"is {size}, expected a multiple of {factor * strides[0][axis]}, what the network's strides multiply to"
            )
            yield Problem(text, ("patch_size", axis))


def estimated_weights(arguments: Mapping[str, Any], blocks: str) -> int:
    """Return about how many weights the convolutions of encoder and decoder have."""
    features, counts = (_repeated(arguments[key], arguments["n_stages"]) for key in ("features_per_stage", blocks))
    decoder = [*_repeated(arguments["n_conv_per_stage_decoder"], arguments["n_stages"] - 1), 0]
    kernels = [math.prod(kernel) for kernel in _per_stage(arguments, "kernel_sizes")]
    per_convolution = [width * width * kernel for width, kernel in zip(features, kernels, strict=True)]
    return sum(weights * (count + more) for weights, count, more in zip(per_convolution, counts, decoder, strict=True))


def _per_stage(arguments: Mapping[str, Any], key: str) -> list[list[int]]:
    return spelled_out(arguments[key], arguments["n_stages"], _dims(arguments))


def spelled_out(value: Any, stages: int, axes: int) -> list[list[int]]:
    """Return a number for each stage and axis, of which a number in the place of a list stands for all."""
    return [entry if isinstance(entry, list) else [entry] * axes for entry in _repeated(value, stages)]


def _repeated(value: Any, stages: int) -> list[Any]:
    return value if isinstance(value, list) else [value] * stages
