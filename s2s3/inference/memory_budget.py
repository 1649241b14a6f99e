"""Says in one line about how much memory a prediction takes, and starts only as many workers as its budget allows."""

import os
import re
from collections.abc import Sequence
from dataclasses import replace

from nnunetv2.errors import SettingsError
from nnunetv2.imageio.image_header import ImageHeader, read_header
from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO
from nnunetv2.inference.label_conversion import looks_at_single_voxels
from nnunetv2.inference.memory_estimate import CaseMemory, ModelSize
from nnunetv2.inference.network_memory import network_memory
from nnunetv2.inference.stripewise_predictor import StripewisePredictor
from nnunetv2.preprocessing.resampling.linear_parts import goes_partwise
from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels
from s1.environment import text_variable
from s1.free_memory import available_bytes

VARIABLE = "nnUNet_memory_budget"
_DEFAULT = "80%"
_UNITS = {"": 10**9, "G": 10**9, "M": 10**6, "%": 0}
_FORM = re.compile(r"(\d{1,9}(?:\.\d{1,6})?) *([GM%]?)B?", re.IGNORECASE)
_CASES_LOOKED_AT = 32
"""Those with the largest files: a compressed image may be larger than one whose file is."""


def budget_bytes(available: int | None) -> int | None:
    """Return the budget that the environment states, by default 80 % of the memory that is left; None if unknown.

    Raises SettingsError for a value that is none of 12, 12G, 900M, 50%.
    """
    text = text_variable(VARIABLE, "") or _DEFAULT
    found = _FORM.fullmatch(text)
    if found is None or float(found[1]) == 0:
        raise SettingsError(f"{VARIABLE} is {text!r}, expected GB or a share of what is left: 12, 12G, 900M or 50%")
    amount, unit = float(found[1]), found[2].upper()
    if unit == "%":
        return None if available is None else int(available * amount / 100)
    return int(amount * _UNITS[unit])


def plan_workers(
    predictor: object, cases: Sequence[Sequence[str]], workers: tuple[int, int], with_probabilities: bool
) -> tuple[tuple[int, int], str]:
    """Return the numbers of workers for preprocessing and for export that fit, and the line that says so.

    Parameters:
        cases: the files of each case; the largest cases tell how much memory is needed.
        workers: the most that may be started.
    """
    budget = budget_bytes(available_bytes())
    headers = _headers(cases)
    if not headers or budget is None or not isinstance(predictor, StripewisePredictor):
        return workers, "Memory: the size of the images, or the free memory, is not known beforehand."
    size = _size_of(predictor, with_probabilities)
    header, memory = max(
        ((header, CaseMemory.of(header, size)) for header in headers), key=lambda case: case[1].total(*workers)
    )
    fitting = memory.fitting_workers(*workers, budget)
    return fitting, _line(memory, header, len(cases), (workers, fitting), budget)


def _line(
    memory: CaseMemory, header: ImageHeader, cases: int, workers: tuple[tuple[int, int], tuple[int, int]], budget: int
) -> str:
    asked, fitting = workers
    needed = memory.total(*fitting)
    size = " x ".join(map(str, header.shape[1:] if header.shape[0] == 1 else header.shape))
    reduced = f" (not {asked[0]} and {asked[1]}, which would not fit)" if fitting != asked else ""
    verdict = "" if needed <= budget else " It is more than that: the prediction may fail."
    return (
        f"Memory: about {needed / 1e9:.1f} GB of {budget / 1e9:.1f} GB ({VARIABLE}) for {cases} case(s) of up to "
        f"{size}, with {fitting[0]} processes for preprocessing and {fitting[1]} for export{reduced}.{verdict}"
    )


def _headers(cases: Sequence[Sequence[str]]) -> list[ImageHeader]:
    """Return the headers of the cases with the largest files, without those whose files cannot be read."""
    largest = sorted(cases, key=lambda files: sum(map(_size_on_disk, files)), reverse=True)[:_CASES_LOOKED_AT]
    of_cases = (_header_of(files) for files in largest)
    return [header for header in of_cases if header is not None]


def _header_of(files: Sequence[str]) -> ImageHeader | None:
    """Return what all files of a case are at most; None if none can be read.

    A case is read by rows if all of its files can be.
    """
    headers = [header for header in map(read_header, files) if header is not None]
    if not headers:
        return None
    rows = [header.rows_in_memory for header in headers]
    return replace(
        max(headers, key=lambda header: header.voxels),
        bytes_per_value=max(header.bytes_per_value for header in headers),
        rows_in_memory=None if None in rows else max(filter(None, rows), default=None),
    )


def _size_on_disk(file: str) -> int:
    try:
        return os.path.getsize(file)
    except OSError:
        return 0


def _size_of(predictor: StripewisePredictor, with_probabilities: bool) -> ModelSize:
    configuration = predictor.configuration_manager
    channels = determine_num_input_channels(predictor.plans_manager, configuration, predictor.dataset_json)
    tile_shape = channels, *configuration.patch_size
    versions = 2 ** len(predictor._mirroring_axes())
    return ModelSize(
        channels=channels,
        heads=predictor.label_manager.num_segmentation_heads,
        folds=len(predictor.list_of_parameters),
        tile_size=configuration.patch_size,
        spacing=configuration.spacing,
        in_stripes=predictor.works_in_stripes(True),
        with_probabilities=with_probabilities,
        reads_rows=issubclass(predictor.plans_manager.image_reader_writer_class, NaturalImage2DIO),
        resamples_partwise=looks_at_single_voxels(predictor.label_manager)
        and goes_partwise(configuration.resampling_fn_probabilities),
        network=network_memory(predictor.network, predictor.list_of_parameters, predictor.device, tile_shape, versions),
    )
