"""Proposes domains by the looks of images, where nothing else names them."""

from collections.abc import Sequence
from dataclasses import replace

from nnunetv2.dataset_proposal.paired_cases import FoundCase
from nnunetv2.dataset_proposal.proposed_origins import Origins
from nnunetv2.errors import DriftError

FEWEST_IMAGES = 36
"""Fewer are always taken for one domain (`drift prism --discover`)."""
SOURCE = "the looks of the images: check it, then name the domains in domains.json"


def domains_by_looks(cases: Sequence[FoundCase], origins: Origins, num_processes: int) -> Origins:
    """Return the origins with proposed domains, unchanged if images look like one domain or cannot be compared."""
    if len(cases) < FEWEST_IMAGES:
        return origins
    from s1.domain_discovery import discover, look_at_files

    try:
        found = discover(look_at_files({case.name: case.pair.image for case in cases}, num_processes))
    except DriftError:  # 16-bit images, which have no colours to compare
        return origins
    if len(found.domain_map.names) < 2:
        return origins
    domains = {case.name: found.domain_map.domain_of(case.name) for case in cases}
    return replace(origins, domains=domains, domain_source=SOURCE)
