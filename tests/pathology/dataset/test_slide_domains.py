"""Domains and groups of slides."""

import pytest

from nnunetv2.errors import DomainMapError, DriftError, SettingsError, SlideError
from nnunetv2.pathology.dataset.slide_domains import Grouping, SlideFacts, facts_of_entry
from nnunetv2.pathology.slides.slide_list import SlideEntry

TCGA = SlideFacts("TCGA-CR-7395-01Z-00-DX1", "t.svs", "aperio GT450", "SS123", "Berlin", "p1")
OTHER = SlideFacts("ward_7_slide", "w.svs")


@pytest.mark.parametrize(
    ("source", "domain"),
    [("scanner", "aperio GT450"), ("serial", "SS123"), ("tss", "CR"), ("csv", "Berlin"), (None, None)],
)
def test_the_domain_comes_from_where_it_is_asked_for(source: str | None, domain: str | None) -> None:
    assert Grouping(source).domains([TCGA]).get(TCGA.name) == domain


@pytest.mark.parametrize(("source", "group"), [("slide", TCGA.name), ("tcga", "TCGA-CR-7395"), ("csv", "p1")])
def test_the_group_comes_from_where_it_is_asked_for(source: str, group: str) -> None:
    assert Grouping(None, source).groups([TCGA]) == {TCGA.name: group}


def test_patterns_take_a_part_of_the_name() -> None:
    grouping = Grouping(r"pattern:^(?P<domain>[a-z]+)_", r"pattern:_(?P<group>\d+)_")
    assert grouping.domains([OTHER]) == {"ward_7_slide": "ward"}
    assert grouping.groups([OTHER]) == {"ward_7_slide": "7"}


@pytest.mark.parametrize("source", ["scanner", "serial", "tss", "csv", "pattern:(?P<domain>zzz)"])
def test_every_slide_without_a_domain_is_named(source: str) -> None:
    with pytest.raises(SlideError) as caught:
        Grouping(source).domains([OTHER, TCGA, SlideFacts("b", "b.svs")])
    assert "w.svs: has no domain" in str(caught.value)
    assert "b.svs: has no domain" in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("pattern:(", "not a regular expression"), ("pattern:a+", "no group named domain"), ("pattern:" + "(" * 5000, "")],
)
def test_patterns_that_are_none_are_refused(pattern: str, message: str) -> None:
    with pytest.raises(DomainMapError) as caught:
        Grouping(pattern).domains([OTHER])
    assert message in str(caught.value)


@pytest.mark.parametrize("grouping", [("city", "slide"), ("slide", "slide"), (None, "scanner"), (None, "tss")])
def test_unknown_sources_are_refused(grouping: tuple[str | None, str]) -> None:
    with pytest.raises(SettingsError, match="expected one of"):
        Grouping(*grouping)


def test_what_only_the_file_knows_is_not_asked_before_it_is_opened() -> None:
    before = facts_of_entry(SlideEntry("a.svs", "a"))
    Grouping("scanner").check_before([before])
    with pytest.raises(DriftError):
        Grouping("csv").check_before([before])
    opened = facts_of_entry(SlideEntry("a.svs", "a"), {"openslide.vendor": "aperio", "aperio.ScanScope ID": "X 1"})
    assert (opened.scanner, opened.serial) == ("aperio", "X 1")
