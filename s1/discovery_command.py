"""`--discover`: from the images of a source to a proposed domains file and its page. Nothing is overwritten."""

import os
from collections.abc import Sequence
from pathlib import Path

from s1.domain_discovery import Discovery, agreement, discover, look_at_files
from s1.domain_sources import UndividedSource
from s1.errors import SourceError
from s1.files import json_bytes, write_together

PROPOSAL_NAME = "domains_proposed.json"
PAGE_NAME = "domains_proposed.html"


def propose_domains(source: UndividedSource, output: Path, count: int | None, workers: int, with_page: bool) -> str:
    """Write the proposal and its page to a folder, and return a summary for the terminal.

    Raises SourceError, before any image is read, if the folder has either file already.
    """
    names = [PROPOSAL_NAME, *([PAGE_NAME] if with_page else [])]
    for name in names:
        if os.path.lexists(output / name):
            raise SourceError(f"{output / name}: exists; move it away, or choose another folder with --output")
    found = discover(look_at_files(source.images, workers), count)
    agrees = None if source.known is None else agreement(found.domain_map, source.known)
    domains = {name: list(cases) for name, cases in found.domain_map.domains.items()}
    files = {PROPOSAL_NAME: json_bytes({"domains": domains})}
    if with_page:
        from s1.discovery_report import build_page

        files[PAGE_NAME] = build_page(found, source.images, agrees).encode()
    write_together(output, files)
    return "\n".join([*_summary(found, agrees), f"written to {output}: {', '.join(names)}", _next_step(found), ""])


def _summary(found: Discovery, agrees: float | None) -> Sequence[str]:
    lines = [f"{name}  {len(cases):>6} images" for name, cases in found.domain_map.domains.items()]
    if found.silhouette is not None:
        lines.append(f"silhouette score {found.silhouette:.2f}")
    if agrees is not None:
        lines.append(f"adjusted Rand index {agrees:.2f} with the domains that are declared")
    return lines


def _next_step(found: Discovery) -> str:
    if len(found.domain_map.names) == 1:
        return "All images look like one domain."
    return "This is a proposal: look at the images, name the domains, then save it as domains.json."
