"""Cuts one slide into tiles: opens it, finds its tissue and annotation, chooses tiles and writes them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nnunetv2.errors import DriftError
from nnunetv2.imageio.natural_image_files import write_label_pixels
from nnunetv2.pathology.dataset.class_labels import NO_ANNOTATION, ClassLabels
from nnunetv2.pathology.dataset.slide_domains import Grouping, facts_of_entry
from nnunetv2.pathology.dataset.slide_labels import Labels, SlideLabels, slide_labels
from nnunetv2.pathology.dataset.tile_plan import TileFacts, choose_tiles, slide_random, tile_boxes
from nnunetv2.pathology.dataset.tiling_overlay import PNG_LEVEL, TilingOverlay
from nnunetv2.pathology.dataset.tiling_settings import AUTO, SKIP, TilingSettings
from nnunetv2.pathology.slides.geometry import Box
from nnunetv2.pathology.slides.reader_process import READ_TIMEOUT_S, Reading
from nnunetv2.pathology.slides.rescue import RescuingView
from nnunetv2.pathology.slides.slide_block import PixelState
from nnunetv2.pathology.slides.slide_list import SlideEntry
from nnunetv2.pathology.slides.slide_source import SlideSource
from nnunetv2.pathology.tissue.slide_tissue import TissueMask
from nnunetv2.pathology.tissue.tissue_mask import TissueSettings
from nnunetv2.pathology.tissue.tissue_sources import tissue_of
from s1.files import replacing

IMAGES, LABELS, OVERLAY = "imagesTr", "labelsTr", "overlay.png"


@dataclass(frozen=True)
class SlideTask:
    """One slide, and how it is cut."""

    slide: SlideEntry
    annotation: Path
    classes: ClassLabels
    settings: TilingSettings
    grouping: Grouping
    read_timeout_s: float = READ_TIMEOUT_S


@dataclass(frozen=True)
class TiledSlide:
    """What became of a slide: either problems, one line each, or a record for JSON."""

    problems: tuple[str, ...] = ()
    record: dict[str, Any] = field(default_factory=dict)


def tile_slide(task: SlideTask, folder: Path) -> TiledSlide:
    """Write the tiles of a slide to `imagesTr` and `labelsTr` below a folder, and an overlay; problems are returned."""
    for name in (IMAGES, LABELS):
        (folder / name).mkdir(parents=True, exist_ok=True)
    try:
        with RescuingView(_source(task), task.read_timeout_s) as opened:
            task.grouping.check_opened(facts_of_entry(task.slide, opened.slide.properties))
            return TiledSlide(record=_tiled(task, opened, folder))
    except DriftError as error:
        return TiledSlide(_problem_lines(error, task))


def case_name(slide: str, x: float, y: float) -> str:
    """Return the name of a tile by its corner in pixels of the slide."""
    return f"{slide}_x{round(x):06d}_y{round(y):06d}"


def _problem_lines(error: DriftError, task: SlideTask) -> tuple[str, ...]:
    """Return an error as lines that name their file: each of its lines if these do so, else all in one."""
    lines = [line.strip() for line in str(error).splitlines()]
    files = task.slide.path, str(task.annotation)
    if len(lines) > 1 and all(line.startswith(files) for line in lines[1:]):
        return tuple(lines[1:])
    text = " ".join(lines)
    return (text,) if text.startswith(files) else (f"{task.slide.path}: {text}",)


def _source(task: SlideTask) -> SlideSource:
    settings = task.settings
    how = settings.reader, task.slide.mpp, settings.allow_upsampling, settings.icc
    return SlideSource(task.slide.path, settings.mpp, *how)


def _tiled(task: SlideTask, opened: RescuingView, folder: Path) -> dict[str, Any]:
    settings, slide, grid = task.settings, opened.slide, opened.view.grid
    tissue = tissue_of(
        slide,
        None if settings.tissue == AUTO else settings.tissue,
        settings=TissueSettings(settings.stain),
        reading=Reading(0, task.read_timeout_s),
        frame=settings.frame,
    )
    with slide_labels(task.annotation, slide, grid, task.classes, settings) as labels:
        cutter = _Cutter(task, opened, tissue, labels)
        candidates = list(cutter.candidates())
        chosen = choose_tiles(
            candidates, settings.background_share, settings.max_tiles, slide_random(task.slide.name, settings.seed)
        )
        written = [entry for tile in chosen if (entry := cutter.write(tile, folder)) is not None]
        overlay = TilingOverlay(slide, grid, tissue, task.classes)
        overlay.write([tile.box for tile in chosen], labels, folder / OVERLAY)
    counts = {"grid": cutter.considered, "candidates": len(candidates), "written": len(written)}
    unreadable = len(chosen) - len(written)
    warnings = [*slide.warnings, *opened.view.warnings, *labels.warnings]
    warnings += [f"{unreadable} of {len(chosen)} tiles are left out, since parts of them cannot be read"] * (
        unreadable > 0
    )
    warnings += ["no tile has enough tissue and annotation"] * (not chosen)
    return {**_about(task, opened, tissue), "tiles": written, "counts": counts, "warnings": warnings}


def _about(task: SlideTask, opened: RescuingView, tissue: TissueMask) -> dict[str, Any]:
    """Return what slides.json says of a slide, without its tiles."""
    slide, grid = opened.slide, opened.view.grid
    facts = facts_of_entry(task.slide, slide.properties)
    return {
        "name": task.slide.name,
        "path": task.slide.path,
        "annotation": str(task.annotation),
        "reader": slide.reader.name,
        "size": list(slide.size),
        "origin": list(slide.origin),
        "mpp": [slide.mpp.x, slide.mpp.y],
        "mpp_source": slide.mpp.source,
        "view": {
            "level": grid.level,
            "factor": [grid.factor_x, grid.factor_y],
            "width": grid.width,
            "height": grid.height,
            "mpp": list(opened.view.mpp or ()),
        },
        "tissue": {"share": tissue.share, "mm2": tissue.mm2},
        "scanner": facts.scanner,
        "serial": facts.serial,
        "table": {"domain": facts.domain, "group": facts.group},
    }


class _Cutter:
    """Looks at the tiles of a slide and writes those that are chosen."""

    def __init__(self, task: SlideTask, opened: RescuingView, tissue: TissueMask, labels: SlideLabels):
        self._task, self._opened, self._tissue, self._labels = task, opened, tissue, labels
        self._names: set[str] = set()
        self.considered = 0

    def candidates(self) -> Iterator[TileFacts]:
        """Yield the tiles with enough tissue and annotation."""
        settings, grid = self._task.settings, self._opened.view.grid
        for box in tile_boxes(grid.width, grid.height, settings.tile, settings.step):
            self.considered += 1
            share = float(self._tissue.of_view(box, grid).mean())
            if share >= settings.min_tissue and self._is_new(box):
                facts = self._facts(box, share)
                if facts is not None:
                    yield facts

    def write(self, tile: TileFacts, folder: Path) -> dict[str, Any] | None:
        """Write image and labels and return the entry of the tile; None, nothing written, if it cannot be read."""
        block = self._opened.read(tile.box)
        if (block.state == PixelState.FAILED).any():
            return None
        case = self._case(tile.box)
        _write_png(block.pixels, folder / IMAGES / f"{case}_0000.png")
        labels = self._filled(self._labels.draw(tile.box))
        small = max(self._task.classes.values.values()) <= np.iinfo(np.uint8).max
        write_label_pixels(labels.astype(np.uint8 if small else np.uint16), str(folder / LABELS / f"{case}.png"))
        grid, mpp = self._opened.view.grid, self._opened.view.mpp or ()
        names = {value: name for name, value in self._task.classes.values.items()}
        return {
            "case": case,
            "x": round(tile.box.x * grid.scale_x),
            "y": round(tile.box.y * grid.scale_y),
            "level": grid.level,
            "tissue_share": round(tile.tissue, 4),
            "labels": {names[value]: round(share, 6) for value, share in tile.labels.items()},
            "mpp": round(sum(mpp) / 2, 6),
        }

    def _facts(self, box: Box, tissue: float) -> TileFacts | None:
        """Return what a tile shows, None if its annotation does not suffice."""
        settings, classes = self._task.settings, self._task.classes
        drawn = self._labels.draw(box)
        if settings.outside == SKIP and (drawn == NO_ANNOTATION).any():
            return None
        values, counts = np.unique(self._filled(drawn), return_counts=True)
        shares = {int(value): float(count / drawn.size) for value, count in zip(values, counts, strict=True)}
        learned = sum(share for value, share in shares.items() if value != classes.ignored)
        if learned < settings.min_labelled:
            return None
        return TileFacts(box, tissue, shares, any(value in shares for value in classes.foreground.values()))

    def _filled(self, drawn: Labels) -> Labels:
        """Return labels in which pixels without annotation have a label."""
        outside = self._task.settings.outside
        value = self._task.classes.values[outside] if outside != SKIP else 0
        return np.where(drawn == NO_ANNOTATION, np.int32(value), drawn)

    def _is_new(self, box: Box) -> bool:
        """Tell whether no tile before begins at the same pixel of the slide, as it can where the slide is enlarged."""
        case = self._case(box)
        is_new = case not in self._names
        self._names.add(case)
        return is_new

    def _case(self, box: Box) -> str:
        grid = self._opened.view.grid
        return case_name(self._task.slide.name, box.x * grid.scale_x, box.y * grid.scale_y)


def _write_png(pixels: np.ndarray, target: Path) -> None:
    from PIL import Image

    with replacing(target) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG", compress_level=PNG_LEVEL)
