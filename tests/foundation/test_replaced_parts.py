import textwrap

import pytest

from nnunetv2.foundation.replaced_parts import OriginalParts


class Predictor:
    def predict(self):
        return 1

    def other(self):
        return 2


def export():
    return 3


NAMES = {"export": export}
PARTS = OriginalParts.of(Predictor, ["predict"], NAMES, ["export"])


class Overriding(Predictor):
    def predict(self):
        return super().predict()


class OverridingAnother(Predictor):
    def other(self):
        return 4


def test_instances_and_subclasses_without_a_replacement_use_the_original_parts():
    assert PARTS.are_in_use(Predictor())
    assert PARTS.are_in_use(OverridingAnother())


def test_an_override_a_replaced_method_and_a_replaced_function_are_noticed(monkeypatch):
    assert not PARTS.are_in_use(Overriding())
    patched = Predictor()
    patched.predict = lambda: 5
    assert not PARTS.are_in_use(patched)
    with monkeypatch.context() as patch:
        patch.setitem(NAMES, "export", lambda: 6)
        assert not PARTS.are_in_use(Predictor())
    assert PARTS.are_in_use(Predictor())
    monkeypatch.setattr(Predictor, "predict", lambda self: 7)
    assert not PARTS.are_in_use(Predictor())


def test_a_name_that_does_not_exist_is_an_error_at_import():
    with pytest.raises(AttributeError):
        OriginalParts.of(Predictor, ["gone"], NAMES, [])


def test_a_method_that_was_replaced_before_it_was_noted_is_no_original_one(monkeypatch):
    monkeypatch.setattr(Predictor, "other", textwrap.dedent)
    assert not OriginalParts.of(Predictor, ["other"]).are_in_use(Predictor())
    assert OriginalParts.of(Overriding, ["other", "predict"]).were_original is False
    assert OriginalParts.of(Overriding, ["predict"]).were_original
