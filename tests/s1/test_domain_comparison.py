import pytest

from s1.domain_comparison import compare_domains
from s1.domain_shift import CATEGORY, DomainFeatures, difference, pair_shift

A = DomainFeatures(40, {0: 0.5, 1: 0.5}, 150.2, 39.8, 812.4)
B = DomainFeatures(20, {0: 0.4, 1: 0.6}, 120.0, 45.0, 300.0)
C = DomainFeatures(10, None, 200.0, 20.0, 100.0)


def test_the_pairs_carry_the_shift_of_their_features():
    result = compare_domains({"a": A, "b": B}, {0: 0.2, 1: 0.8})
    (pair,) = result.pairs
    assert (pair.a, pair.b) == ("a", "b")
    assert pair.outcome == pair_shift(difference(A, B, {0: 0.2, 1: 0.8}))
    assert result.ratios["a"] == pytest.approx(0.5 + pair.outcome.shift)
    assert result.settings.class_weights == {0: 0.2, 1: 0.8}


def test_default_weights_follow_the_labels_and_labels_without_a_weight_have_1():
    assert compare_domains({"a": A, "b": B}).settings.class_weights == {0: 0.1, 1: 0.9}
    assert compare_domains({"a": A, "b": B}, {0: 0.5}).settings.class_weights == {0: 0.5, 1: 1.0}


def test_one_domain_without_masks_drops_the_classes_for_all_and_the_result_says_so():
    result = compare_domains({"a": A, "b": B, "c": C})
    assert all(CATEGORY not in pair.outcome.importance for pair in result.pairs)
    assert result.settings.class_weights is None
    assert "No masks for c" in result.notes[0]
    assert result.domains["a"].class_shares == {0: 0.5, 1: 0.5}


def test_a_single_domain_has_no_pairs_and_the_whole_ratio():
    result = compare_domains({"a": A})
    assert result.pairs == ()
    assert result.ratios == {"a": 1.0}
