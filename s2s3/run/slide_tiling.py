"""`drift slide tile`: what the arguments name, cut into tiles, with a page that shows the result."""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nnunetv2.dataset_conversion.label_arguments import named_once
from nnunetv2.errors import DatasetLayoutError, MissingFileError, SettingsError, SlideError
from nnunetv2.foundation.files import replacing
from nnunetv2.pathology.annotations.asap_xml import HOLE_GROUPS
from nnunetv2.pathology.dataset.annotation_files import AnnotationPlaces
from nnunetv2.pathology.dataset.slide_domains import Grouping
from nnunetv2.pathology.dataset.tile_slides import Tiling, tile_slides
from nnunetv2.pathology.dataset.tiling_settings import TilingSettings
from nnunetv2.pathology.slides.slide_list import SlideEntry, list_slides
from nnunetv2.pathology.slides.watched_reader import within
from nnunetv2.reporting.tiling_report import tiling_report
from nnunetv2.utilities.dataset_name_id_conversion import find_candidate_datasets
from s1.problem_lists import raise_together

REPORT = "tiling_report.html"
_log = logging.getLogger(__name__)


def tile_slides_as_asked(arguments: argparse.Namespace) -> None:
    """Cut all slides; raise SlideError at the end that names those that could not be used."""
    if arguments.np < 0:
        raise SettingsError(f"-np {arguments.np}: expected 0 or more processes")
    name = f"Dataset{arguments.d:03d}_{arguments.n}"
    taken = [other for other in map(str, find_candidate_datasets(arguments.d)) if other != name]
    if taken:
        raise DatasetLayoutError(f"id {arguments.d} is taken by {', '.join(taken)}; choose another with -d")
    left_out: dict[str, str] = {}
    slides = _slides(arguments, left_out)
    if arguments.groups_from == "slide" and any(slide.group for slide in slides):
        _log.warning(
            "the table gives groups, but each slide is a group of its own; --groups_from csv takes the table's"
        )
    source = arguments.domain_from or ("csv" if any(slide.domain for slide in slides) else None)
    tiling = Tiling(
        slides,
        name,
        _settings(arguments),
        _places(arguments),
        Grouping(source, arguments.groups_from),
        arguments.read_timeout,
    )
    result = tile_slides(tiling, arguments.np, arguments.overwrite, not arguments.disable_progress_bar)
    problems = [*result.problems, *dict.fromkeys(left_out.values())]
    with replacing(result.folder / REPORT) as temporary:
        temporary.write_text(tiling_report(result.folder, [*problems, *result.warnings]), encoding="utf-8")
    for warning in result.warnings:
        _log.warning("%s", warning)
    for record in result.records:
        for warning in record["warnings"]:
            _log.warning("%s: %s", record["path"], warning)
    tiles = sum(len(record["tiles"]) for record in result.records)
    _log.info("%d tiles of %d slides: %s", tiles, len(result.records), result.folder)
    raise_together(SlideError, "slides", problems)


def _slides(arguments: argparse.Namespace, left_out: dict[str, str]) -> Sequence[SlideEntry]:
    slides = list_slides(arguments.i, arguments.table, arguments.read_timeout, left_out)
    if arguments.slide_mpp is None:
        return slides
    return [replace(slide, mpp=arguments.slide_mpp) if slide.mpp is None else slide for slide in slides]


def _places(arguments: argparse.Namespace) -> AnnotationPlaces:
    folder = Path(arguments.a) if arguments.a is not None else None
    if folder is not None and not within(arguments.read_timeout, f"-a {folder}: looking for it", folder.is_dir):
        raise MissingFileError(f"-a {folder}: no such folder, expected one of annotations")
    tables = [Path(given) for given in [*arguments.i, arguments.table or ""] if given.lower().endswith(".csv")]
    return AnnotationPlaces(folder, arguments.annotation_suffix, tuple(dict.fromkeys(table.parent for table in tables)))


def _settings(arguments: argparse.Namespace) -> TilingSettings:
    return TilingSettings(
        mpp=arguments.mpp,
        labels=named_once("--labels", arguments.labels) if arguments.labels else None,
        renamed=named_once("--map", arguments.map),
        roi=arguments.roi,
        unannotated=arguments.unannotated,
        tile=arguments.tile,
        stride=arguments.stride,
        min_tissue=arguments.min_tissue,
        min_labelled=arguments.min_labelled,
        background_share=arguments.background_share,
        max_tiles=arguments.max_tiles,
        channels=arguments.channels,
        exclude=HOLE_GROUPS if arguments.exclude is None else tuple(arguments.exclude),
        frame=arguments.frame,
        tissue=arguments.tissue,
        stain=arguments.stain,
        allow_upsampling=arguments.allow_upsampling,
        reader=arguments.reader,
        icc=arguments.icc,
        seed=arguments.seed,
    )
