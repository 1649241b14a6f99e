"""The domain of a slide (scanner, site, ...) and its group (the patient, or the slide itself)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nnunetv2.errors import SettingsError, SlideError
from nnunetv2.pathology.slides.scanner import scanner, scanner_serial
from nnunetv2.pathology.slides.slide_list import SlideEntry
from s1.name_patterns import texts_from_pattern
from s1.problem_lists import raise_together

PATTERN = "pattern:"
DOMAIN_SOURCES = ("scanner", "serial", "tss", "csv")
GROUP_SOURCES = ("slide", "tcga", "csv")
_TCGA = re.compile(r"TCGA-([A-Z0-9]{2})-[A-Z0-9]{4}")
_IN_THE_FILE = ("scanner", "serial")


@dataclass(frozen=True)
class SlideFacts:
    """What domains and groups are taken from; texts that are not known are empty."""

    name: str
    path: str
    scanner: str = ""
    serial: str = ""
    domain: str = ""
    """As a table says."""
    group: str = ""


@dataclass(frozen=True)
class Grouping:
    """Where domains and groups come from.

    Parameters:
        domain: `scanner` (make and model), `serial`, `tss` (TCGA's tissue source site), `csv`, `pattern:REGEX` with a
            group named domain, or None for no domains.
        group: `slide`, `tcga` (the patient), `csv`, or `pattern:REGEX` with a group named group.
    """

    domain: str | None = None
    group: str = "slide"

    def __post_init__(self) -> None:
        for option, source, known in (
            ("--domain_from", self.domain, DOMAIN_SOURCES),
            ("--groups_from", self.group, GROUP_SOURCES),
        ):
            if source is not None and source not in known and not source.startswith(PATTERN):
                raise SettingsError(f"{option} {source}: expected one of {', '.join(known)}, {PATTERN}REGEX")

    def domains(self, slides: Sequence[SlideFacts]) -> dict[str, str]:
        """Return slide name -> domain, empty without domains. Raises SlideError, one line for each slide without."""
        return {} if self.domain is None else _texts(self.domain, "domain", slides)

    def groups(self, slides: Sequence[SlideFacts]) -> dict[str, str]:
        """Return slide name -> group. Raises SlideError, one line for each slide without."""
        return _texts(self.group, "group", slides)

    def check_before(self, slides: Sequence[SlideFacts]) -> None:
        """Raise SlideError for slides without domain or group, as far as that is known before they are opened."""
        if self.domain not in _IN_THE_FILE:
            self.domains(slides)
        self.groups(slides)

    def check_opened(self, slide: SlideFacts) -> None:
        """Raise SlideError for a slide whose file does not state the domain that it should."""
        if self.domain in _IN_THE_FILE:
            self.domains([slide])


def facts_of_entry(entry: SlideEntry, properties: Mapping[str, str] | None = None) -> SlideFacts:
    """Return what is known of a slide, with what its file says of itself if it was opened."""
    found = properties or {}
    return SlideFacts(
        entry.name,
        entry.path,
        scanner(found) if found else "",
        scanner_serial(found),
        entry.domain or "",
        entry.group or "",
    )


def _texts(source: str, what: str, slides: Sequence[SlideFacts]) -> dict[str, str]:
    if source.startswith(PATTERN):
        texts = texts_from_pattern(source.removeprefix(PATTERN), what, [slide.name for slide in slides])
    else:
        texts = {slide.name: _text(source, what, slide) for slide in slides}
    problems = [f"{slide.path}: has no {what} ({_reason(source, what)})" for slide in slides if not texts[slide.name]]
    raise_together(SlideError, f"slides without a {what}", problems)
    return texts


def _text(source: str, what: str, slide: SlideFacts) -> str:
    barcode = _TCGA.match(slide.name.upper())
    found = {
        "slide": slide.name,
        "csv": slide.domain if what == "domain" else slide.group,
        "scanner": slide.scanner,
        "serial": slide.serial,
        "tcga": barcode[0] if barcode else "",
        "tss": barcode[1] if barcode else "",
    }
    return found[source].strip()


def _reason(source: str, what: str) -> str:
    if source.startswith(PATTERN):
        return f"the pattern {source.removeprefix(PATTERN)!r} gives none for its name"
    return {
        "csv": f"no table has an entry for it in the column {what}",
        "scanner": "the file does not state its scanner",
        "serial": "the file does not state the serial number of its scanner",
    }.get(source, "its name does not begin like TCGA-CR-7395")
