"""`drift slide compare`: what the ways to normalise a slide change in its labels."""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nnunetv2.dataset_conversion.label_arguments import named_once
from nnunetv2.errors import ArgumentError
from nnunetv2.inference.predict_folder import choose_device
from nnunetv2.pathology.dataset.class_labels import NO_ANNOTATION, class_labels
from nnunetv2.pathology.dataset.slide_labels import slide_labels
from nnunetv2.pathology.dataset.tiling_settings import BACKGROUND, TilingSettings
from nnunetv2.pathology.prediction.normalisation_comparison import (
    ComparedSlide,
    DrawReference,
    Labels,
    NormalisationComparison,
)
from nnunetv2.pathology.prediction.slide_model import SlideModel
from nnunetv2.pathology.slides.geometry import Box, ViewGrid
from nnunetv2.pathology.slides.reader_process import Reading, default_readers
from nnunetv2.pathology.slides.slide import Slide
from nnunetv2.pathology.slides.slide_list import SlideEntry, list_slides
from nnunetv2.pathology.slides.slide_source import SlideSource
from nnunetv2.run.slide_worker import network_settings, slide_predictor

_SMALLEST_PX, _LARGEST_PX = 16, 16384
_COLUMN = 14


def comparison_text(arguments: argparse.Namespace) -> str:
    """Compare the modes that the arguments name on a slide; return what they change, as tables or JSON."""
    entry = _slide(arguments)
    modes = _modes(arguments)
    device = choose_device(arguments.device)
    settings = [network_settings(arguments, normalization=mode, save=()) for mode in modes]  # checks each mode
    model = slide_predictor(arguments, settings[0], device).model
    mpp = model.mpp(arguments.mpp)
    draw = None if arguments.a is None else _reference(arguments, model, mpp)
    slide_mpp, icc = entry.mpp or arguments.slide_mpp, model.icc(arguments.icc)
    source = SlideSource(entry.path, mpp, arguments.reader, slide_mpp, arguments.allow_upsampling, icc)
    reading = Reading(default_readers() if arguments.nr is None else arguments.nr, arguments.read_timeout)
    compared = ComparedSlide(model, source, entry.name, settings[0], arguments.edge, reading)
    comparison = compared.compare(modes, draw)
    if arguments.json:
        return json.dumps({"slide": entry.path, **comparison_content(comparison)}, indent=1)
    return "\n".join([entry.path, *comparison_lines(comparison)])


def comparison_content(comparison: NormalisationComparison) -> dict[str, Any]:
    """Return a comparison as values for JSON; shares from 0 to 1."""
    box = comparison.box
    return {
        "view_mpp": list(comparison.mpp),
        "box": [box.x, box.y, box.width, box.height],
        "compared_pixels": int(comparison.counts.sum()),
        "normalization": {mode: result.description for mode, result in comparison.results.items()},
        "differing": [{"modes": list(pair), "share": share} for pair, share in comparison.disagreements().items()],
        "dice": comparison.dice(),
    }


def comparison_lines(comparison: NormalisationComparison) -> Iterator[str]:
    """Yield a comparison for people."""
    box, mpp = comparison.box, comparison.mpp
    yield (
        f"  {box.width} x {box.height} px of {mpp[0]:.3g} um from x={box.x} y={box.y} of the view,"
        f" {100 * comparison.counts.mean():.0f} % of it compared"
    )
    yield f"{'statistics':<{_COLUMN}}  mean of red, green, blue   deviation"
    for mode, result in comparison.results.items():
        yield f"{mode:<{_COLUMN}}  {_numbers(result.description, 'mean')}   {_numbers(result.description, 'std')}"
    yield "labels that differ, % of the compared pixels"
    for (first, second), share in comparison.disagreements().items():
        yield f"{f'{first} / {second}':<{2 * _COLUMN}} {100 * share:8.3f}"
    dice = comparison.dice()
    if dice:
        yield f"{'Dice':<{_COLUMN}}" + "".join(f" {name:>{_COLUMN}}" for name in comparison.classes)
        for mode, scores in dice.items():
            yield f"{mode:<{_COLUMN}}" + "".join(f" {_score(score):>{_COLUMN}}" for score in scores.values())


def _numbers(description: Mapping[str, Any], key: str) -> str:
    return ", ".join(f"{value:.1f}" for value in description.get(key, ())) or "none needed"


def _score(score: float | None) -> str:
    return "-" if score is None else f"{score:.4f}"


def _slide(arguments: argparse.Namespace) -> SlideEntry:
    entries = list_slides([arguments.i], arguments.mpp_of, arguments.read_timeout)
    if len(entries) != 1:
        raise ArgumentError(f"-i {arguments.i}: has {len(entries)} slides, expected one to compare on")
    return entries[0]


def _modes(arguments: argparse.Namespace) -> Sequence[str]:
    modes = list(dict.fromkeys(arguments.normalization))
    if len(modes) < 2:
        raise ArgumentError(f"--normalization {' '.join(modes)}: expected two or more ways to compare")
    if not _SMALLEST_PX <= arguments.edge <= _LARGEST_PX:
        raise ArgumentError(f"--edge {arguments.edge}: expected {_SMALLEST_PX} to {_LARGEST_PX} pixels")
    return modes


def _reference(arguments: argparse.Namespace, model: SlideModel, mpp: float) -> DrawReference:
    """Return what draws the annotation with the labels of the model; pixels that it leaves open are below 0."""
    settings = TilingSettings(
        mpp, {BACKGROUND: 0, **model.classes}, named_once("--map", arguments.map), arguments.annotated
    )
    classes = class_labels(settings, ())

    def draw(slide: Slide, grid: ViewGrid, box: Box) -> Labels:
        with slide_labels(Path(arguments.a), slide, grid, classes, settings) as labels:
            drawn = labels.draw(box)
        if settings.outside == BACKGROUND:
            drawn[drawn == NO_ANNOTATION] = 0
        return drawn

    return draw
