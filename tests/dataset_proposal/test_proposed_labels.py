"""Values of masks become labels without gaps."""

import pytest

from nnunetv2.dataset_proposal.proposed_labels import propose_labels


@pytest.mark.parametrize(
    ("values", "labels", "relabel"),
    [
        ({0, 1}, {"background": 0, "foreground": 1}, {}),
        ({0, 255}, {"background": 0, "foreground": 1}, {255: 1}),
        ({0, 1, 2}, {"background": 0, "label_1": 1, "label_2": 2}, {}),
        ({0, 1, 3}, {"background": 0, "label_1": 1, "label_2": 2}, {3: 2}),
        ({0, 128, 255}, {"background": 0, "label_1": 1, "label_2": 2}, {128: 1, 255: 2}),
        ({1, 2}, {"background": 0, "label_1": 1, "label_2": 2}, {}),
        ({0, 1, 255}, {"background": 0, "foreground": 1, "ignore": 2}, {255: 2}),
    ],
)
def test_classes_are_numbered_in_the_order_of_their_values(
    values: set[int], labels: dict[str, int], relabel: dict[int, int]
) -> None:
    proposed = propose_labels(values)
    assert (proposed.labels, proposed.relabel, proposed.problems) == (labels, relabel, ())


@pytest.mark.parametrize(
    ("values", "wanted", "given", "relabel"),
    [
        ({0, 255}, None, {255: 5}, {255: 1}),
        ({0, 255}, {"background": 0, "tumor": 1}, {255: 7}, {255: 1}),
        ({0, 1, 254}, None, {254: 255}, {254: 2}),
        (range(40), None, {39: 38}, {39: 1}),
        ({0, 1, 2}, None, {1: 2, 2: 1}, {1: 2, 2: 1}),
    ],
)
def test_what_the_user_says_comes_before_what_is_proposed(
    values: set[int], wanted: dict[str, int] | None, given: dict[int, int], relabel: dict[int, int]
) -> None:
    found = propose_labels(values, wanted, given).relabel
    assert {value: found[value] for value in relabel} == relabel


def test_masks_that_number_their_objects_become_one_class() -> None:
    proposed = propose_labels(range(40))
    assert proposed.labels == {"background": 0, "object": 1}
    assert proposed.relabel == {value: 1 for value in range(2, 40)}
    assert "number their objects" in proposed.notes[0]


def test_many_scattered_values_are_no_labels() -> None:
    (problem,) = propose_labels(range(0, 250, 5)).problems
    assert "scaled smoothly" in problem.fix


def test_empty_masks_are_a_problem() -> None:
    assert propose_labels({0}).problems[0].what == "no mask contains anything but 0"


def test_what_the_user_says_goes_first() -> None:
    named = {"background": 0, "tumor": 1}
    assert propose_labels({0, 255}, named).relabel == {255: 1}
    assert propose_labels({0, 255}, named, {255: 1}).relabel == {255: 1}
    assert propose_labels({0, 1, 255}, None, {255: 0}).labels == {"background": 0, "foreground": 1}
    (problem,) = propose_labels({0, 1, 7}, named).problems
    assert problem.what == "hold values without a label: 7"
