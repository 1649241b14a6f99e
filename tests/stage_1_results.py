"""A result of stage 1 as a file, for tests of what reads it."""

from collections.abc import Mapping
from pathlib import Path

from s1.domain_comparison import compare_domains
from s1.domain_shift import DomainFeatures
from s1.files import write_json


def write_stage_1(folder: Path, ratios: Mapping[str, float], domain_file_sha256: str | None = None) -> Path:
    """Write a prism_dd.json with these ratios of its domains; return its path."""
    features = {name: DomainFeatures(4, None, 150.0 + place, 40.0, 800.0) for place, name in enumerate(ratios)}
    content = compare_domains(features, domain_file_sha256=domain_file_sha256).to_dict()
    write_json({**content, "ratios": dict(ratios)}, folder / "prism_dd.json")
    return folder / "prism_dd.json"
