"""Format a domain summary as a table for the terminal."""

import math
from collections.abc import Mapping, Sequence
from typing import Any


def format_domain_table(domain_summary: Mapping[str, Any]) -> str:
    """Return Dice with its interval by domain and class, one line per domain, and a comparison of the domains, as text.

    Missing numbers may be None (as in domain_summary.json) or NaN (as from `summarize_domains`).
    """
    classes = domain_summary["classes"]
    level = round(100 * domain_summary["bootstrap"]["level"])
    header = ["domain", "cases", "foreground", *(f"class {key}" for key in classes)]
    rows = [_row(name, domain, classes) for name, domain in domain_summary["domains"].items()]
    worst, best = domain_summary["worst_domain"], domain_summary["best_domain"]
    return "\n".join(
        [
            f"Dice by domain, with {level} % interval over cases",
            *_align([header, *rows]),
            f"mean over domains {_number(domain_summary['mean_over_domains']['Dice'])}, "
            f"balanced {_number(domain_summary['balanced']['Dice'])}",
            f"worst domain {worst['domain'] or '-'} {_number(worst['Dice'])}, best domain {best['domain'] or '-'} "
            f"{_number(best['Dice'])}, gap {_number(domain_summary['gap'])}",
        ]
    )


def _row(name: str, domain: Mapping[str, Any], classes: Sequence[str]) -> list[str]:
    entries = [domain["foreground"], *(domain["classes"][key] for key in classes)]
    return [name, str(domain["cases"]), *(_with_interval(entry["Dice"]) for entry in entries)]


def _with_interval(entry: Mapping[str, Any]) -> str:
    low, high = entry["interval"]
    if _is_missing(low):
        return _number(entry["mean"])
    return f"{_number(entry['mean'])} [{_number(low)}, {_number(high)}]"


def _number(value: float | None) -> str:
    return "-" if value is None or _is_missing(value) else f"{value:.3f}"


def _is_missing(value: float | None) -> bool:
    return value is None or math.isnan(value)


def _align(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [lines[0], "-" * len(lines[0]), *lines[1:]]
