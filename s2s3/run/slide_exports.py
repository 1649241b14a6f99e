"""`drift slide export`: files of predicted slides from their labels, slide after slide."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from nnunetv2.errors import ArgumentError, DriftError, SlideError
from nnunetv2.file_kinds.slide_files import STATE_NAME
from nnunetv2.pathology.outputs.export_settings import DICOM, ExportSettings, without_outputs
from nnunetv2.pathology.outputs.slide_export import export_slide, exportable_folders
from nnunetv2.pathology.outputs.slide_files import require_packages
from nnunetv2.pathology.prediction.slide_summary import SUMMARY, write_summary
from nnunetv2.pathology.setting_checks import require_effect
from nnunetv2.pathology.slides.slide_list import list_slides
from nnunetv2.reporting.slide_report import write_slide_report
from s1.problem_lists import raise_together

_log = logging.getLogger(__name__)


def export_as_asked(arguments: argparse.Namespace) -> None:
    """Export all slides; raise SlideError at the end that names those that could not be.

    Tables and report of their output folder are brought up to date, where there are any.
    """
    settings = ExportSettings(
        save=tuple(arguments.save),
        classes=tuple(arguments.classes) if arguments.classes else None,
        simplify_um=arguments.simplify,
        min_area_um2=arguments.min_area,
        objects=arguments.objects,
        max_objects=arguments.max_objects,
        frame=arguments.frame,
        ratios=tuple(arguments.ratio),
        dicom_type=arguments.dicom_type,
        dicom_codes=arguments.dicom_codes,
        memory_gb=arguments.memory,
    )
    _require_effect(settings, arguments)
    require_packages(settings)
    paths = _paths_of_slides(arguments.slides) if arguments.slides else {}
    if DICOM in settings.save and not paths:
        raise ArgumentError("--save dicom: name the DICOM slides with --slides, which the segmentations refer to")
    folders = exportable_folders([Path(given) for given in arguments.i])
    problems: list[str] = []
    for folder in folders:
        try:
            export_slide(folder, settings, paths.get(folder.name))
        except DriftError as error:
            problems.append(str(error))
        else:
            _log.info("%s: exported (%s)", folder.name, ", ".join(settings.save))
    for parent in dict.fromkeys(folder.parent for folder in folders):
        if (parent / SUMMARY).is_file():
            write_summary(parent, sorted(file.parent.name for file in parent.glob(f"*/{STATE_NAME}")))
            write_slide_report(parent)
    raise_together(SlideError, "slides", problems)


def _paths_of_slides(given: Sequence[str]) -> dict[str, str]:
    """Return name -> path; what is no slide in a folder is named and left out."""
    left_out: dict[str, str] = {}
    paths = {entry.name: entry.path for entry in list_slides(given, left_out=left_out)}
    for line in dict.fromkeys(left_out.values()):
        _log.warning("left out: %s", line)
    return paths


def _require_effect(settings: ExportSettings, arguments: argparse.Namespace) -> None:
    """Raise ArgumentError for arguments that the outputs to make do not depend on."""
    without_dicom = {} if DICOM in settings.save else {"memory_gb": f"without {DICOM} in --save"}
    require_effect(settings, {**without_outputs(settings.save), **without_dicom})
    if without_dicom and arguments.slides:
        raise ArgumentError(f"--slides has no effect without {DICOM} in --save")
