"""Parts of names by regular expressions."""

import pytest

from s1.domain_map_makers import domain_map_from_pattern
from s1.errors import DomainMapError
from s1.name_patterns import texts_from_pattern

ENDLESS = r"(?P<domain>(a+)+)$"


def test_the_group_of_each_name_is_returned_and_nothing_without_a_match() -> None:
    found = texts_from_pattern(r"^(?P<site>[a-zä]+)_", "site", ["bern_1", "kö_2", "7", "u\u0308_1", "a\u0308_1"])
    assert found == {"bern_1": "bern", "kö_2": "", "7": "", "u\u0308_1": "", "a\u0308_1": "ä"}


def test_an_expression_that_would_not_end_is_stopped_and_named() -> None:
    with pytest.raises(DomainMapError, match=r"takes more than 0\.5 s for 1 names"):
        texts_from_pattern(ENDLESS, "domain", ["a" * 60 + "!"], limit_s=0.5)


def test_domains_by_pattern_are_stopped_likewise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s1.name_patterns.texts_from_pattern.__defaults__", (0.5,))
    with pytest.raises(DomainMapError, match="repetitions inside of repetitions"):
        domain_map_from_pattern(ENDLESS, ["a" * 60 + "!"])
