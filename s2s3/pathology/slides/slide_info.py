"""What `drift slide info` tells about a slide: its sizes, pixel size and scanner, and which parts are damaged."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

from nnunetv2.errors import SlideError, UnreadableSlideError
from nnunetv2.pathology.slides.colour_profile import profile_name
from nnunetv2.pathology.slides.geometry import cells
from nnunetv2.pathology.slides.read_record import ReadRecord
from nnunetv2.pathology.slides.reader_process import read_blocks
from nnunetv2.pathology.slides.scanner import objective, scanner, scanner_serial
from nnunetv2.pathology.slides.slide import Slide, open_slide
from nnunetv2.pathology.slides.slide_block import PixelState
from nnunetv2.pathology.slides.slide_source import SlideSource
from nnunetv2.pathology.slides.view import BLOCK_PX

MOST_SHOWN = 20


@dataclass(frozen=True)
class SlideInfo:
    """One slide as the command shows it."""

    path: str
    facts: dict[str, Any]
    """For JSON: names and plain values; lengths in pixels of the finest level, pixel sizes in micrometres."""
    warnings: Sequence[str] = ()

    def lines(self) -> list[str]:
        """Return the text for people."""
        facts = self.facts
        width, height = facts["size"]
        mpp = facts["mpp"]
        size = " x ".join(f"{value:g}" for value in dict.fromkeys(mpp)) if mpp else ""
        levels = ", ".join(f"{level['width']} x {level['height']}" for level in facts["levels"][1:])
        rows = {
            "size": f"{width} x {height} px{_extent(facts)}",
            "levels": f"{len(facts['levels'])}" + f": also {levels}" * bool(levels),
            "pixel size": f"{size} um (from {facts['mpp_source']})" if mpp else "not stated; pass --slide_mpp",
            "scanner": ", ".join(
                filter(None, [facts["scanner"], _serial(facts["serial"]), _power(facts["objective"])])
            ),
            "reader": facts["reader"],
            "colours": facts["icc_profile"] or "",
            "origin": "{}, {}".format(*facts["origin"]) if any(facts["origin"]) else "",
        }
        shown = [f"  {name:<12}{text}" for name, text in rows.items() if text]
        return [self.path, *shown, *(f"  warning: {line}" for line in self.warnings), *_check_lines(facts)]


def slide_info(path: str, reader: str = "auto", mpp: float | None = None, timeout_s: float | None = None) -> SlideInfo:
    """Return what the header of a slide says. Raises SlideError if it cannot be opened, in so many seconds if given."""
    with open_slide(path, reader, mpp, timeout_s) as slide:
        facts = _facts(slide)
        return SlideInfo(path, facts, facts["warnings"])


def checked(info: SlideInfo, reader: str, readers: int, timeout_s: float) -> tuple[SlideInfo, ReadRecord]:
    """Return the info with the result of reading every block of the finest level, and the record."""
    record = ReadRecord()
    width, height = info.facts["size"]
    boxes = cells(width, height, BLOCK_PX)
    with closing(read_blocks(SlideSource(info.path, None, reader), boxes, readers, timeout_s)) as blocks:
        for block in blocks:
            record.add(block)
    damaged = [
        {**asdict(part.box), "rescued": part.state == PixelState.RESCUED, "message": part.message}
        for part in record.damaged
    ]
    shares = {"missing_share": record.missing_share, "failed_share": record.failed_share}
    check = {"blocks": record.blocks, **shares, "damaged": damaged, "missing": list(map(asdict, record.missing))}
    return SlideInfo(info.path, {**info.facts, "check": check}, info.warnings), record


def damage(path: str, record: ReadRecord) -> UnreadableSlideError | None:
    """Return the error for a slide with damaged parts, None for one without."""
    if not record.damaged:
        return None
    first = record.damaged[0]
    return UnreadableSlideError(
        f"{path}: {record.failed + record.rescued} of {record.blocks} blocks are damaged, first at x={first.box.x}"
        f" y={first.box.y} ({first.message})"
    )


def _facts(slide: Slide) -> dict[str, Any]:
    size, (profile, doubts) = slide.pixel_size, _colour_profile(slide)
    return {
        "path": slide.path,
        "size": list(slide.size),
        "levels": [
            {"width": level.width, "height": level.height, "downsample": level.downsample} for level in slide.levels
        ],
        "mpp": [size.x, size.y] if size else None,
        "mpp_source": size.source if size else None,
        "origin": list(slide.origin),
        "states_bounds": slide.states_bounds,
        "vendor": slide.vendor,
        "scanner": scanner(slide.properties),
        "serial": scanner_serial(slide.properties),
        "objective": objective(slide.properties),
        "reader": slide.reader.name,
        "icc_profile": profile,
        "warnings": [*slide.warnings, *doubts],
    }


def _colour_profile(slide: Slide) -> tuple[str | None, list[str]]:
    """Return what the colour profile of a slide calls itself, None without one; and a line if it is damaged."""
    try:
        return profile_name(slide.reader.icc_profile()) or None, []
    except SlideError as error:
        return None, [str(error)]


def _extent(facts: dict[str, Any]) -> str:
    if not facts["mpp"]:
        return ""
    width, height = (length * um / 1000 for length, um in zip(facts["size"], facts["mpp"], strict=True))
    return f" ({width:.2f} x {height:.2f} mm)"


def _serial(number: str) -> str:
    return f"serial {number}" if number else ""


def _power(objective_power: str) -> str:
    return f"objective {objective_power}x" if objective_power else ""


def _check_lines(facts: dict[str, Any]) -> list[str]:
    """Return what was found; gaps in the scan of a slide that states what was scanned are no damage, so not listed."""
    check = facts.get("check")
    if check is None:
        return []
    damaged = check["damaged"]
    missing = [] if facts["states_bounds"] else check["missing"]
    lines = [
        f"  check       {check['blocks']} blocks read, {len(damaged)} damaged parts,"
        f" {100 * check['missing_share']:.2f} % missing, {100 * check['failed_share']:.2f} % not readable"
    ]
    for part in [*damaged, *missing][:MOST_SHOWN]:
        lines.append("    x={x} y={y}, {width} x {height} px: ".format(**part) + _fate(part))
    more = len(damaged) + len(missing) - MOST_SHOWN
    return [*lines, f"    and {more} more (--json lists all)"] if more > 0 else lines


def _fate(part: dict[str, Any]) -> str:
    """Return what became of a part that is damaged or missing."""
    if "message" not in part:
        return "missing; white"
    return f"{part['message']}; {'another level is used' if part['rescued'] else 'not readable'}"
