"""One process of `drift slide predict`: the model and settings that the arguments name, at work on slides."""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from tqdm import tqdm

from nnunetv2.errors import ArgumentError
from nnunetv2.foundation.progress import redraw_interval_s
from nnunetv2.pathology.prediction.archive import Marks
from nnunetv2.pathology.prediction.deciding_settings import without_effect
from nnunetv2.pathology.prediction.predict_slides import begin_output, share_slides
from nnunetv2.pathology.prediction.slide_predictor import SlidePredictor, load_slide_predictor
from nnunetv2.pathology.prediction.slide_settings import SlideSettings
from nnunetv2.pathology.prediction.slide_work import RunOptions
from nnunetv2.pathology.setting_checks import require_effect
from nnunetv2.pathology.slides.reader_process import default_readers
from nnunetv2.pathology.slides.slide_list import SlideEntry
from nnunetv2.utilities.file_path_utilities import get_output_folder

_OF_DATASET = {"tr": "nnUNetTrainer", "p": "nnUNetPlans", "c": "2d"}
"""Flag of a model that is named by its dataset -> what it is if not given."""


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
    hooks = partial(_make_bar, arguments.disable_progress_bar), lambda: None, after_band
    readers = default_readers() if arguments.nr is None else arguments.nr
    options = RunOptions(readers, arguments.reader, arguments.read_timeout, *hooks)
    predictor = slide_predictor(arguments, slide_settings(arguments), device, options)
    predictor.require_slides(entries)
    output = begin_output(arguments.o, entries, predictor.to_dict())
    own = entries[arguments.part_id :: arguments.num_parts]
    return share_slides(predictor, own, output, arguments.stage, arguments.retry_failed, waits=waits, before=before)


def slide_settings(arguments: argparse.Namespace) -> SlideSettings:
    """Return the settings that the arguments of `drift slide predict` name. ArgumentError for values out of range."""
    return network_settings(
        arguments,
        normalization=arguments.normalization,
        keep_partial=arguments.keep_partial,
        save=tuple(arguments.save),
        pyramid=arguments.pyramid,
        simplify_um=arguments.simplify,
        min_area_um2=arguments.min_area,
        classes=tuple(arguments.classes) if arguments.classes else None,
        probability_mpp=arguments.probability_mpp,
        objects=arguments.objects,
        max_objects=arguments.max_objects,
        ratios=tuple(arguments.ratio),
        dicom_type=arguments.dicom_type,
        dicom_codes=arguments.dicom_codes,
        overwrite=arguments.overwrite,
    )


def network_settings(arguments: argparse.Namespace, **more: Any) -> SlideSettings:
    """Return the settings that arguments name of where and how a network predicts, with further ones.

    Raises ArgumentError for values out of range, and for those that have no effect beside the others.
    """
    settings = SlideSettings(
        mpp=arguments.mpp,
        step_size=arguments.step_size,
        mirroring=arguments.tta,
        batch_size=arguments.b,
        memory_gb=arguments.memory,
        tissue=arguments.tissue,
        tissue_model=arguments.tissue_model,
        tissue_mpp=arguments.tissue_mpp,
        roi=arguments.roi,
        stain=arguments.stain,
        margin_um=arguments.margin,
        allow_upsampling=arguments.allow_upsampling,
        icc=arguments.icc,
        max_failed=arguments.max_failed,
        frame=arguments.frame,
        **more,
    )
    require_effect(settings, without_effect(settings))
    return settings


def slide_predictor(
    arguments: argparse.Namespace, settings: SlideSettings, device: torch.device, options: RunOptions | None = None
) -> SlidePredictor:
    """Return what predicts slides with the model that arguments name by its folder or its dataset."""
    if (arguments.m is None) == (arguments.d is None):
        raise ArgumentError("name the model either by its folder (-m) or by its dataset (-d)")
    named = {flag: getattr(arguments, flag) for flag in _OF_DATASET if getattr(arguments, flag) is not None}
    if arguments.m is not None and named:
        raise ArgumentError(
            f"-{', -'.join(named)}: no effect with -m, whose folder is of one trainer and configuration"
        )
    trainer, plans, configuration = (named.get(flag, usual) for flag, usual in _OF_DATASET.items())
    folder = arguments.m or get_output_folder(arguments.d, trainer, plans, configuration)
    folds = tuple(arguments.f) if arguments.f else None
    return load_slide_predictor(folder, settings, options, device, folds, arguments.chk)


def _make_bar(is_hidden: bool, name: str, total: int) -> Any:
    return tqdm(desc=name, total=total, unit="band", disable=is_hidden, mininterval=redraw_interval_s())
