"""`drift slide predict`: the model and the settings that the arguments name, then slide after slide."""

import argparse
import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from nnunetv2.errors import ArgumentError, DriftError, SlideError
from nnunetv2.foundation.files import make_folder
from nnunetv2.foundation.output_guard import check_apart
from nnunetv2.foundation.progress import redraw_interval_s
from nnunetv2.inference.predict_folder import choose_device
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.pathology.outputs.slide_files import require_packages
from nnunetv2.pathology.prediction.slide_job import SlideJob
from nnunetv2.pathology.prediction.slide_model import SlideModel, model_identity
from nnunetv2.pathology.prediction.slide_settings import SlideSettings
from nnunetv2.pathology.prediction.slide_state import DONE, FAILED, NO_TISSUE, read_state
from nnunetv2.pathology.prediction.slide_summary import write_summary
from nnunetv2.pathology.slides.reader_process import default_readers
from nnunetv2.pathology.slides.slide_list import SlideEntry, list_slides
from nnunetv2.reporting.slide_report import write_slide_report
from nnunetv2.utilities.file_path_utilities import get_output_folder
from s1.problem_lists import raise_together

_GPU_BATCH = 8
_log = logging.getLogger(__name__)


def predict_slides_as_asked(arguments: argparse.Namespace) -> None:
    """Predict all slides; raise SlideError at the end that names those that failed."""
    entries = list_slides(arguments.i, arguments.mpp_of)
    device = choose_device(arguments.device)
    settings = _settings(arguments, device)
    model = _model(arguments, device)
    model.mpp(settings.mpp)  # a model of unknown pixel size is an error before the first slide
    settings.export.require_classes(list(model.classes))
    require_packages(settings.export)
    readers = default_readers() if arguments.nr is None else arguments.nr
    output = Path(arguments.o)
    for entry in entries:
        check_apart(output, {"the slides": Path(entry.path).parent})
    make_folder(output, "the output folder")
    problems: list[str] = []
    for entry in entries:
        folder = output / entry.name
        if read_state(folder).get("state") == FAILED and not (arguments.retry_failed or arguments.overwrite):
            problems.append(f"{entry.path}: failed before; --retry_failed tries again")
            continue
        bar = partial(_make_bar, entry.name, arguments.disable_progress_bar)
        job = SlideJob(model, settings, readers, arguments.reader, arguments.read_timeout, bar)
        problems += _predicted(job, entry, folder, arguments.slide_mpp)
    write_summary(output, [entry.name for entry in entries])
    if any(read_state(output / entry.name) for entry in entries):
        _log.info("report: %s", write_slide_report(output))
    raise_together(SlideError, "slides", problems)


def _predicted(job: SlideJob, entry: SlideEntry, folder: Path, slide_mpp: float | None) -> Sequence[str]:
    """Predict one slide, say how it went, and return what stopped it."""
    try:
        state = job.run(entry.path, entry.name, folder, entry.mpp or slide_mpp)
    except DriftError as error:
        return [str(error)]
    words = {DONE: "done", NO_TISSUE: "no tissue found"}
    _log.info("%s: %s (%s)", entry.name, words[state["state"]], folder)
    for warning in state.get("warnings", ()):
        _log.warning("%s: %s", entry.path, warning)
    return []


def _settings(arguments: argparse.Namespace, device: torch.device) -> SlideSettings:
    return SlideSettings(
        mpp=arguments.mpp,
        step_size=arguments.step_size,
        mirroring=arguments.tta,
        batch_size=arguments.b if arguments.b is not None else (_GPU_BATCH if device.type == "cuda" else 1),
        memory_gb=arguments.memory,
        tissue=arguments.tissue,
        roi=arguments.roi,
        stain=arguments.stain,
        margin_um=arguments.margin,
        normalization=arguments.normalization,
        allow_upsampling=arguments.allow_upsampling,
        max_failed=arguments.max_failed,
        save=tuple(arguments.save),
        simplify_um=arguments.simplify,
        min_area_um2=arguments.min_area,
        classes=tuple(arguments.classes) if arguments.classes else None,
        probability_mpp=arguments.probability_mpp,
        objects=arguments.objects,
        ratios=tuple(arguments.ratio),
        overwrite=arguments.overwrite,
    )


def _model(arguments: argparse.Namespace, device: torch.device) -> SlideModel:
    if (arguments.m is None) == (arguments.d is None):
        raise ArgumentError("name the model either by its folder (-m) or by its dataset (-d)")
    given = arguments.m or get_output_folder(arguments.d, arguments.tr, arguments.p, arguments.c)
    folder = Path(given)
    predictor = nnUNetPredictor(
        tile_step_size=arguments.step_size, use_mirroring=arguments.tta, device=device, allow_tqdm=False
    )
    found = predictor.auto_detect_available_folds(folder, arguments.chk)
    folds = arguments.f or found or ["all"]
    predictor.initialize_from_trained_model_folder(folder, tuple(folds), arguments.chk)
    checkpoints = [folder / f"fold_{fold}" / arguments.chk for fold in folds]
    return SlideModel(predictor, folder.name, model_identity(checkpoints))


def _make_bar(name: str, is_hidden: bool, total: int) -> Any:
    return tqdm(desc=name, total=total, unit="band", disable=is_hidden, mininterval=redraw_interval_s())
