"""The page about a folder of predicted slides, for those who will look at the slides: OUT/report.html."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from nnunetv2.file_kinds.slide_files import OBJECTS_NAME, OVERLAY_NAME, THUMBNAIL_NAME
from nnunetv2.foundation.files import replacing
from nnunetv2.reporting.html_page import (
    Cell,
    Markup,
    definitions,
    heading,
    items,
    key_numbers,
    page,
    paragraph,
    picture,
    table,
)
from nnunetv2.reporting.slide_pictures import small_picture
from nnunetv2.reporting.slide_results import DONE, FAILED, NO_TISSUE, ReportedSlide, read_slide_results

REPORT = "report.html"
_WORDS = {DONE: "Predicted", NO_TISSUE: "No tissue found", FAILED: "Failed"}
_UNFINISHED = "Not finished: being predicted, or stopped; the same command goes on with it"
_TERMS: list[tuple[str, Cell]] = [
    ("Picture", "The slide with the predicted areas in half transparent colours; hatched parts could not be read."),
    (
        "Tissue",
        "What was predicted: stained tissue, found by its colour against the glass of the same slide, or as given.",
    ),
    (
        "Area",
        "Of all pixels of a class. Its share is that of the tissue; above 100 % it reaches over the edge of it.",
    ),
    ("Objects", "Separate outlines in the file for QuPath; the smallest ones may have been left out."),
    ("No tissue found", "Empty glass, or a stain so pale that it was taken for glass: look at the picture."),
]


def write_slide_report(folder: Path) -> Path:
    """Write report.html into an output folder of slides and return its path. Raises as `slide_report` does."""
    html = slide_report(folder)
    target = folder / REPORT
    with replacing(target) as temporary:
        temporary.write_text(html, encoding="utf-8", errors="backslashreplace")
    return target


def slide_report(folder: Path) -> str:
    """Return the page about the slides of an output folder, those that need a look first.

    Raises MissingFileError for a folder without slides.
    """
    results = read_slide_results(folder)
    title = "Report of predicted slides"
    body = [
        heading(title, 1),
        paragraph(f"Folder {folder.resolve().name}; {_models(results)}", "note"),
        key_numbers(_numbers(results)),
        heading("All slides, those that need a look first"),
        table(["Picture", "Slide", "What was found"], [_row(result) for result in results], words=True),
        *_areas(sorted(results, key=lambda result: result.name)),
        heading("How to read this report"),
        definitions(_TERMS),
        paragraph("The areas are predictions of a model. They are not an approval for diagnostic use.", "note"),
    ]
    return page(title, body)


def _models(results: Sequence[ReportedSlide]) -> str:
    names = sorted({str(result.state.get("model", {}).get("name", "unknown")) for result in results})
    finished = max((str(result.state.get("finished") or "") for result in results), default="")
    when = f", last finished at {finished}" if finished else ""
    return f"model{'s' * (len(names) > 1)} {', '.join(names)}{when}"


def _numbers(results: Sequence[ReportedSlide]) -> list[tuple[str, str]]:
    outcomes = [result.outcome for result in results]
    counts = [(outcomes.count(state), words.lower()) for state, words in _WORDS.items()]
    counts.append((sum(outcome not in _WORDS for outcome in outcomes), "not finished"))
    counts.append((sum(result.outcome == DONE and bool(result.warnings) for result in results), "with warnings"))
    shown = [(str(count), words) for count, words in counts if count]
    return [(str(len(results)), "slides"), *shown, (f"{sum(r.tissue_mm2 for r in results):.1f}", "mm² of tissue")]


def _row(result: ReportedSlide) -> list[Cell]:
    return [_picture(result), Markup("".join(_about(result))), Markup("".join(_found(result)))]


def _picture(result: ReportedSlide) -> Cell:
    shown = small_picture([result.folder / OVERLAY_NAME, result.folder / THUMBNAIL_NAME])
    return "no picture" if shown is None else picture(shown, "jpeg", f"Slide {result.name}")


def _about(result: ReportedSlide) -> Iterator[str]:
    """Yield the parts of the middle cell: name, how it went, warnings, size."""
    yield heading(result.name, 3)
    yield paragraph(_WORDS.get(result.outcome, _UNFINISHED), "" if result.outcome == DONE else "warning")
    if result.error:
        yield paragraph(result.error, "warning")
    if result.warnings:
        yield items(result.warnings, "warning")
    size, mpp = result.state.get("size"), result.state.get("mpp")
    if size and mpp:
        millimetres = " x ".join(f"{pixels * um / 1000:.3g}" for pixels, um in zip(size, mpp, strict=True))
        yield paragraph(f"{millimetres} mm, pixels of {sum(mpp) / 2:.3g} µm", "note")
    yield from _links(result)


def _links(result: ReportedSlide) -> Iterator[str]:
    names = {OVERLAY_NAME: "large picture", OBJECTS_NAME: "outlines for QuPath"}
    for file, words in names.items():
        if (result.folder / file).is_file():
            address = quote(f"{result.name}/{file}")
            yield paragraph(Markup(f'<a href="{address}">{words}</a>'), "note")


def _found(result: ReportedSlide) -> Iterator[str]:
    if result.tissue_mm2:
        yield paragraph(f"Tissue: {result.tissue_mm2:.2f} mm²")
    for entry in result.measured.get("classes", ()):
        share = entry["share_of_tissue"]
        words = [f"{entry['area_mm2']:.3g} mm²", *([] if share is None else [f"{100 * share:.1f} % of the tissue"])]
        if entry["objects"]:
            words.append(f"{entry['objects']} object(s), the largest of {entry['largest_object_mm2']:.2g} mm²")
        yield paragraph(f"{entry['name']}: {', '.join(words)}")
    for name, value in result.measured.get("ratios", {}).items():
        yield paragraph(f"{name}: {'-' if value is None else f'{value:.3g}'}")


def _areas(results: Sequence[ReportedSlide]) -> list[str]:
    """Return a table of the areas of all classes, for slides by name."""
    measured = [result for result in results if result.measured]
    if not measured:
        return []
    names = list(dict.fromkeys(entry["name"] for result in measured for entry in result.measured["classes"]))
    rows: list[list[Cell]] = []
    for result in measured:
        areas = {entry["name"]: f"{entry['area_mm2']:.3f}" for entry in result.measured["classes"]}
        tissue = f"{result.measured['tissue_mm2']:.3f}"
        rows.append([result.name, tissue, *(areas.get(name, "-") for name in names)])
    return [heading("Areas in mm²"), table(["Slide", "Tissue", *names], rows)]
