"""One process of `drift slide predict`: the model and settings that the arguments name, at work on slides."""

import argparse
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from nnunetv2.errors import ArgumentError
from nnunetv2.foundation.files import make_folder
from nnunetv2.foundation.progress import redraw_interval_s
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.pathology.outputs.slide_files import require_packages
from nnunetv2.pathology.prediction.archive import ArchiveWorker, Marks
from nnunetv2.pathology.prediction.claims import Claim
from nnunetv2.pathology.prediction.run_list import note_slides
from nnunetv2.pathology.prediction.slide_job import SlideJob
from nnunetv2.pathology.prediction.slide_model import SlideModel, model_identity
from nnunetv2.pathology.prediction.slide_settings import SlideSettings
from nnunetv2.pathology.prediction.slide_state import DONE, NO_TISSUE
from nnunetv2.pathology.prediction.slide_work import RunOptions
from nnunetv2.pathology.slides.reader_process import default_readers
from nnunetv2.pathology.slides.slide_list import SlideEntry
from nnunetv2.utilities.file_path_utilities import get_output_folder

_GPU_BATCH = 8
_log = logging.getLogger(__name__)


def work_on_slides(
    arguments: argparse.Namespace,
    entries: Sequence[SlideEntry],
    device: torch.device,
    before: Marks | None = None,
    waits: bool = True,
    after_band: Callable[[], None] = lambda: None,
) -> list[str]:
    """Predict as the arguments of `drift slide predict` ask until no slide is left; return a line for each problem.

    Parameters:
        entries: all slides, of which the arguments may choose a part.
        before: what `marks_of` returned when the command began; None: it begins now.
        waits: whether slides that other processes have are waited for.
        after_band: called when a band is finished; what it raises stops the slide in order.

    Raises DriftError before the first slide if the arguments or the model cannot be used.
    """
    settings = slide_settings(arguments, device)
    model = slide_model(arguments, device)
    model.mpp(settings.mpp)  # a model of unknown pixel size is an error before the first slide
    settings.export.require_classes(list(model.classes))
    require_packages(settings.export)
    output = Path(arguments.o)
    make_folder(output, "the output folder")
    note_slides(output, entries)
    own = entries[arguments.part_id :: arguments.num_parts]
    predict = _Prediction(arguments, model, settings, after_band)
    return ArchiveWorker(own, output, predict, arguments.retry_failed, arguments.overwrite, waits, before).work()


@dataclass(frozen=True)
class _Prediction:
    """Predicts slides that are claimed, and says how it went."""

    arguments: argparse.Namespace
    model: SlideModel
    settings: SlideSettings
    after_band: Callable[[], None]

    def __call__(self, entry: SlideEntry, folder: Path, claim: Claim, anew: bool) -> None:
        chosen = self.arguments
        readers = default_readers() if chosen.nr is None else chosen.nr
        bar = partial(_make_bar, entry.name, chosen.disable_progress_bar)
        settings = replace(self.settings, overwrite=anew)
        hooks = bar, claim.check, self.after_band
        job = SlideJob(self.model, settings, RunOptions(readers, chosen.reader, chosen.read_timeout, *hooks))
        state = job.run(entry.path, entry.name, folder, entry.mpp or chosen.slide_mpp)
        words = {DONE: "done", NO_TISSUE: "no tissue found"}
        _log.info("%s: %s (%s)", entry.name, words[state["state"]], folder)
        for warning in state.get("warnings", ()):
            _log.warning("%s: %s", entry.path, warning)


def slide_settings(arguments: argparse.Namespace, device: torch.device) -> SlideSettings:
    """Return the settings that the arguments of `drift slide predict` name. ArgumentError for values out of range."""
    return network_settings(
        arguments,
        device,
        normalization=arguments.normalization,
        keep_partial=arguments.keep_partial,
        save=tuple(arguments.save),
        simplify_um=arguments.simplify,
        min_area_um2=arguments.min_area,
        classes=tuple(arguments.classes) if arguments.classes else None,
        probability_mpp=arguments.probability_mpp,
        objects=arguments.objects,
        ratios=tuple(arguments.ratio),
        overwrite=arguments.overwrite,
    )


def network_settings(arguments: argparse.Namespace, device: torch.device, **more: Any) -> SlideSettings:
    """Return the settings that arguments name of where and how a network predicts, with further ones."""
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
        allow_upsampling=arguments.allow_upsampling,
        max_failed=arguments.max_failed,
        **more,
    )


def slide_model(arguments: argparse.Namespace, device: torch.device) -> SlideModel:
    """Return the model that arguments name by its folder or its dataset."""
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
