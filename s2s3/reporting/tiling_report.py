"""The page of a dataset that was cut from slides: numbers, pictures and what to look at."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnunetv2.file_kinds.tiling_files import SLIDES
from nnunetv2.foundation.files import read_json
from nnunetv2.reporting.html_page import figure, heading, key_numbers, page, paragraph, table

_PICTURE_PX = 512
_MOST_PICTURES = 200


def tiling_report(folder: Path, problems: Sequence[str] = ()) -> str:
    """Return the HTML page of a dataset; slides with warnings and without tiles come first.

    Parameters:
        folder: with slides.json and overlays.
        problems: of slides that could not be used, one line each.

    Raises MissingFileError or InvalidValueError if slides.json is missing or damaged.
    """
    content = read_json(folder / "slides.json", SLIDES)
    slides = sorted(content["slides"], key=lambda slide: (bool(slide["tiles"]), not slide["warnings"], slide["name"]))
    title = f"Tiles of slides: {content['dataset']}"
    body = [heading(title, 1), paragraph(_scope(content), "note"), key_numbers(_numbers(content))]
    body += [paragraph(problem, "warning") for problem in problems]
    body += [
        heading("Labels"),
        _labels_table(content),
        heading("Slides"),
        _slides_table(slides, list(content["labels"])),
    ]
    body += _warnings(slides)
    body += [heading("Pictures"), paragraph(_PICTURES_SHOW, "note"), *_pictures(folder, slides[:_MOST_PICTURES])]
    if len(slides) > _MOST_PICTURES:
        body.append(paragraph(f"{len(slides) - _MOST_PICTURES} more slides: see the folder overlays.", "note"))
    return page(title, body)


_PICTURES_SHOW = (
    "Annotated classes in colour, the outline of the tissue in grey, of regions in black, and the tiles that were"
    " written in light blue. Do annotation and tissue lie where they belong?"
)


def _scope(content: Mapping[str, Any]) -> str:
    settings = content["settings"]
    return (
        f"{settings.get('tile')} px tiles at {settings.get('mpp')} µm per pixel, {settings.get('stride')} px apart;"
        f" pixels without annotation: {settings.get('unannotated')}."
    )


def _numbers(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    slides = content["slides"]
    domains = {slide["domain"] for slide in slides if slide.get("domain")}
    groups = {slide["group"] for slide in slides if slide.get("group")}
    tiles = sum(len(slide["tiles"]) for slide in slides)
    numbers = [(str(tiles), "tiles"), (str(len(slides)), "slides"), (str(len(groups)), "groups")]
    return [*numbers, (str(len(domains)), "domains")] if domains else numbers


def _labels_table(content: Mapping[str, Any]) -> str:
    tiles = [tile["labels"] for slide in content["slides"] for tile in slide["tiles"]]
    rows = [
        [name, str(value), str(sum(name in labels for labels in tiles)), _percent(_mean_share(tiles, name))]
        for name, value in sorted(content["labels"].items(), key=lambda entry: entry[1])
    ]
    return table(["class", "label", "tiles with it", "share of all pixels"], rows)


def _slides_table(slides: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    header = ["slide", "domain", "group", "tissue, mm²", "tiles", "of candidates", *names]
    rows = []
    for slide in slides:
        tiles = [tile["labels"] for tile in slide["tiles"]]
        rows.append(
            [
                slide["name"],
                slide.get("domain") or "",
                slide.get("group") or "",
                f"{slide['tissue']['mm2']:.2f}",
                str(len(tiles)),
                str(slide["counts"].get("candidates", "")),
                *(_percent(_mean_share(tiles, name)) for name in names),
            ]
        )
    return table(header, rows)


def _warnings(slides: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [f"{slide['name']}: {warning}" for slide in slides for warning in slide["warnings"]]
    return [heading("Warnings"), *(paragraph(line, "warning") for line in lines)] if lines else []


def _pictures(folder: Path, slides: Sequence[Mapping[str, Any]]) -> list[str]:
    pictures = []
    for slide in slides:
        file = folder / "overlays" / f"{slide['name']}.png"
        if file.is_file():
            words = f"{slide['name']}: {len(slide['tiles'])} tiles"
            pictures.append(figure(_small(file), words, f"slide {slide['name']} with its annotation and tiles"))
    return pictures


def _small(file: Path) -> bytes:
    from PIL import Image

    with Image.open(file) as picture:
        small = picture.convert("RGB")
    small.thumbnail((_PICTURE_PX, _PICTURE_PX))
    buffer = io.BytesIO()
    small.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _mean_share(tiles: Sequence[Mapping[str, float]], name: str) -> float:
    return sum(labels.get(name, 0.0) for labels in tiles) / len(tiles) if tiles else 0.0


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
