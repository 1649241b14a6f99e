"""Which cases a training of an ablation learns from and which it is judged on.

Every protocol yields one part per domain. A group (patient or slide) is never on two sides of a part.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from nnunetv2.domains.domain_splits import stratified_splits
from nnunetv2.errors import DomainMapError
from s1.domain_map import DomainMap

_FIFTHS = 5


class Protocol(str, Enum):
    """The question that an ablation asks."""

    UNSEEN_DOMAIN = "unseen-domain"
    """Leave one domain out: learn from all others, be judged on it and on a fifth of the others' cases."""
    DOMAIN_PAIRS = "domain-pairs"
    """Learn from one domain, be judged on every other one and on a fifth of the cases of the first."""


@dataclass(frozen=True)
class Part:
    """The cases of one training; the four sets do not overlap."""

    name: str
    """The domain left out (unseen-domain), or the one learned from (domain-pairs)."""
    train: tuple[str, ...]
    validation: tuple[str, ...]
    """Cases that may choose a checkpoint, a fifth of the learnable ones; not part of any result."""
    seen: tuple[str, ...]
    """Test cases of domains that were learned from, another fifth."""
    unseen: tuple[str, ...]
    """Test cases of all other domains."""


def make_parts(
    protocol: Protocol, cases: Iterable[str], domain_map: DomainMap, groups: Mapping[str, str] | None = None
) -> list[Part]:
    """Return one part per domain that has cases, in the order of the map; the order of `cases` does not matter.

    Cases that share a group with an unseen one are left out of training, validation and the seen test.

    Raises DomainMapError for fewer than two domains with cases, or if the cases to learn from cannot be divided.
    """
    by_domain: dict[str, list[str]] = {}
    for case in sorted(set(cases)):
        by_domain.setdefault(domain_map.domain_of(case), []).append(case)
    names = [name for name in domain_map.names if name in by_domain]
    if len(names) < 2:
        raise DomainMapError(f"an ablation by domain needs cases of at least two domains, got {names or 'none'}")
    held_out = {name: _unseen_domains(protocol, name, names) for name in names}
    return [
        _part(name, [c for d in held_out[name] for c in by_domain[d]], by_domain, domain_map, groups) for name in names
    ]


def _unseen_domains(protocol: Protocol, name: str, names: Sequence[str]) -> list[str]:
    return [name] if protocol is Protocol.UNSEEN_DOMAIN else [other for other in names if other != name]


def _part(
    name: str,
    unseen: Sequence[str],
    by_domain: Mapping[str, Sequence[str]],
    domain_map: DomainMap,
    groups: Mapping[str, str] | None,
) -> Part:
    out, groups = set(unseen), groups or {}
    unseen_groups = {groups[case] for case in unseen if case in groups}
    learnable = [
        case
        for members in by_domain.values()
        for case in members
        if case not in out and groups.get(case) not in unseen_groups
    ]
    try:
        folds = stratified_splits(learnable, domain_map, groups, n_splits=_FIFTHS)
    except DomainMapError as error:
        raise DomainMapError(f"part {name}: too few cases to learn from; {error}") from None
    seen, validation = folds[0]["val"], folds[1]["val"]
    train = sorted(set(learnable).difference(seen, validation))
    return Part(name, tuple(train), tuple(validation), tuple(seen), tuple(sorted(unseen)))
