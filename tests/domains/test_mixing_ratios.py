"""Mixing ratios: where they come from and what happens to absent domains."""

import pytest

from nnunetv2.domains.mixing_ratios import RatioMode, choose_ratios
from nnunetv2.errors import DomainMapError, SettingsError
from s1.domain_map import DomainMap

MAP = DomainMap({"A": ("a1", "a2", "a3"), "B": ("b1",)})
MAP_WITH_RATIOS = DomainMap(MAP.domains, {"A": 3.0, "B": 1.0})
CASES = ["a1", "a2", "a3", "b1"]


def test_uniform_gives_every_domain_the_same() -> None:
    assert choose_ratios(RatioMode.UNIFORM, MAP, CASES, None).ratios == {"A": 0.5, "B": 0.5}


def test_proportional_follows_the_training_cases_not_the_map() -> None:
    assert choose_ratios(RatioMode.PROPORTIONAL, MAP, ["a1", "a2", "b1"], None).ratios == pytest.approx(
        {"A": 2 / 3, "B": 1 / 3}
    )


def test_explicit_ratios_are_scaled_to_sum_to_one() -> None:
    result = choose_ratios(RatioMode.EXPLICIT, MAP_WITH_RATIOS, CASES, None)

    assert result.ratios == {"A": 0.75, "B": 0.25}
    assert "domains.json" in result.source


@pytest.mark.parametrize(
    ("domain_map", "prism", "expected"),
    [
        (MAP_WITH_RATIOS, {"A": 0.4, "B": 0.6}, (RatioMode.EXPLICIT, 0.75)),
        (MAP, {"A": 0.4, "B": 0.6}, (RatioMode.PRISM, 0.4)),
        (MAP, None, (RatioMode.UNIFORM, 0.5)),
    ],
)
def test_auto_prefers_explicit_over_prism_over_uniform(
    domain_map: DomainMap, prism: dict[str, float] | None, expected: tuple[RatioMode, float]
) -> None:
    result = choose_ratios(RatioMode.AUTO, domain_map, CASES, prism)

    assert (result.mode, result.ratios["A"]) == (expected[0], pytest.approx(expected[1]))


def test_the_mode_may_be_a_string() -> None:
    assert choose_ratios("uniform", MAP, CASES, None).ratios == {"A": 0.5, "B": 0.5}


def test_a_domain_without_training_cases_is_left_out_and_the_rest_rescaled() -> None:
    domain_map = DomainMap({"A": ("a1",), "B": ("b1",), "C": ("c1",)})

    result = choose_ratios(RatioMode.PRISM, domain_map, ["a1", "c1"], {"A": 0.3, "B": 0.6, "C": 0.1})

    assert result.ratios == pytest.approx({"A": 0.75, "C": 0.25})
    assert result.left_out == ("B",)


@pytest.mark.parametrize("mode", [RatioMode.PRISM, RatioMode.EXPLICIT])
def test_ratios_that_do_not_exist_are_an_error(mode: RatioMode) -> None:
    with pytest.raises(SettingsError, match=mode.value):
        choose_ratios(mode, MAP, CASES, None)


def test_prism_ratios_of_other_domains_are_an_error_that_names_them() -> None:
    with pytest.raises(DomainMapError, match=r"lacks \['B'\].*unknown domains \['X'\]"):
        choose_ratios(RatioMode.PRISM, MAP, CASES, {"A": 0.5, "X": 0.5})


def test_a_training_case_without_domain_is_an_error() -> None:
    with pytest.raises(DomainMapError, match="b2"):
        choose_ratios(RatioMode.UNIFORM, MAP, ["b2"], None)


def test_having_only_domains_of_ratio_zero_is_an_error() -> None:
    domain_map = DomainMap(MAP.domains, {"A": 1.0, "B": 0.0})

    with pytest.raises(DomainMapError, match="not all zero"):
        choose_ratios(RatioMode.EXPLICIT, domain_map, ["b1"], None)
