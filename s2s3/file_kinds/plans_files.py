"""plans.json as a whole, and one configuration of it.

The entries of all configurations are checked only as far as they lead to others: plans of which one configuration is
broken can be used for another. `configuration_problems` checks the one that is used, inherited entries included. What
is missing is named when it is needed, since plans that clients write may lack what they do not use.
"""

import math
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from nnunetv2.file_kinds.dataset_files import SPACING
from nnunetv2.file_kinds.network_arguments import OLD_ENTRIES, architecture_problems
from nnunetv2.utilities.plans_handling.old_plans import add_architecture, is_complete
from s1.json_files import JsonFile
from s1.json_schema import (
    FILE_NAME,
    NAME,
    NUMBER,
    NUMBER_OR_NAN,
    OBJECT,
    TRUE_OR_FALSE,
    Also,
    Either,
    ListOf,
    MapOf,
    Problem,
    Record,
    optional,
    unlike,
    whole_number,
)

LARGEST_BATCH = 100_000
LARGEST_SIDE = 2**20
LARGEST_PATCH = 2**31
"""Voxels of a patch, a cube of 1290 or a square of 46340; a batch may have twice as many."""
HIGHEST_SPLINE_ORDER = 5


def _check_axes(plans: dict[str, Any]) -> Iterator[Problem]:
    forward, backward = plans.get("transpose_forward"), plans.get("transpose_backward")
    if forward is not None and sorted(forward) != [0, 1, 2]:
        yield unlike(forward, "the numbers 0, 1 and 2 in any order").inside("transpose_forward")
    elif forward is not None and backward is not None:
        inverse = [forward.index(axis) for axis in range(3)]
        if backward != inverse:
            yield unlike(backward, f"{inverse}, which undoes transpose_forward {forward}").inside("transpose_backward")


_AXES = ListOf(whole_number(0, 2), 3, 3)
_INTENSITIES = MapOf(MapOf(NUMBER_OR_NAN))
PLANS = JsonFile(
    "plans file",
    Also(
        Record(
            {},
            {
                "dataset_name": FILE_NAME,
                "plans_name": FILE_NAME,
                "original_median_spacing_after_transp": ListOf(NUMBER),
                "original_median_shape_after_transp": ListOf(NUMBER),
                "image_reader_writer": NAME,
                "transpose_forward": _AXES,
                "transpose_backward": _AXES,
                "configurations": MapOf(Record({}, {"inherits_from": optional(NAME)}), keys=FILE_NAME),
                "label_manager": NAME,
                "foreground_intensity_properties_per_channel": _INTENSITIES,
                "foreground_intensity_properties_by_modality": _INTENSITIES,
            },
        ),
        (_check_axes,),
    ),
)

_SPLINE_ORDER = whole_number(0, HIGHEST_SPLINE_ORDER)
_RESAMPLING = Record({}, {"order": _SPLINE_ORDER, "order_z": _SPLINE_ORDER})


def _check_patch(configuration: dict[str, Any]) -> Iterator[Problem]:
    voxels, batch = math.prod(configuration.get("patch_size", [])), configuration.get("batch_size", 1)
    if voxels > LARGEST_PATCH:
        yield Problem(f"has {voxels} voxels, expected at most {LARGEST_PATCH}", ("patch_size",))
    elif voxels * batch > 2 * LARGEST_PATCH:
        yield Problem(
            f"is {batch}, with {voxels} voxels each, expected at most {2 * LARGEST_PATCH} together", ("batch_size",)
        )


def _check_channels(configuration: dict[str, Any]) -> Iterator[Problem]:
    schemes, masks = (configuration.get(key) for key in ("normalization_schemes", "use_mask_for_norm"))
    if schemes is not None and masks is not None and len(masks) < len(schemes):
        yield Problem(f"has {len(masks)} entries, normalization_schemes {len(schemes)}", ("use_mask_for_norm",))


CONFIGURATION = Also(
    Record(
        {},
        {
            "data_identifier": FILE_NAME,
            "preprocessor_name": NAME,
            "batch_size": whole_number(1, LARGEST_BATCH),
            "patch_size": ListOf(whole_number(1, LARGEST_SIDE), 2, 3),
            "median_image_size_in_voxels": ListOf(NUMBER),
            "spacing": ListOf(SPACING, 2, 3),
            "normalization_schemes": ListOf(NAME, 1),
            "use_mask_for_norm": ListOf(TRUE_OR_FALSE),
            **{f"resampling_fn_{what}": NAME for what in ("data", "seg", "probabilities")},
            **{f"resampling_fn_{what}_kwargs": _RESAMPLING for what in ("data", "seg", "probabilities")},
            "architecture": Record(
                {}, {"network_class_name": NAME, "arch_kwargs": OBJECT, "_kw_requires_import": ListOf(NAME)}
            ),
            "batch_dice": TRUE_OR_FALSE,
            "next_stage": optional(Either((NAME, ListOf(NAME)))),
            "previous_stage": optional(NAME),
        },
    ),
    (_check_patch, _check_channels),
)


def configuration_problems(configuration: dict[str, Any], plans: Mapping[str, Any]) -> list[Problem]:
    """Return everything wrong with a configuration whose inherited entries are filled in.

    Parameters:
        configuration: left unchanged; it may be of plans from before nnU-Net 2.3.1.
        plans: content of the file, whose intensities the configuration needs.
    """
    problems = [*CONFIGURATION.problems(configuration), *_missing_intensities(configuration, plans)]
    if "architecture" not in configuration:
        problems += OLD_ENTRIES.problems(configuration)
        if problems or not is_complete(configuration):
            return problems
        configuration = deepcopy(configuration)
        add_architecture(configuration)
    return problems or list(architecture_problems(configuration))


def _missing_intensities(configuration: Mapping[str, Any], plans: Mapping[str, Any]) -> Iterator[Problem]:
    schemes = configuration.get("normalization_schemes")
    for key in ("foreground_intensity_properties_per_channel", "foreground_intensity_properties_by_modality"):
        if key in plans:
            absent = [
                str(n) for n in range(len(schemes) if isinstance(schemes, list) else 0) if str(n) not in plans[key]
            ]
            if absent:
                text = f"has {len(schemes or ())} channels, but {key} of the plans lacks {', '.join(map(repr, absent))}"
                yield Problem(text, ("normalization_schemes",))
            return
