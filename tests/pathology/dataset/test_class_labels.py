"""From the classes of annotations to labels."""

from typing import Any

import pytest

from nnunetv2.errors import AnnotationError, DriftError, SettingsError
from nnunetv2.pathology.dataset.class_labels import NO_ANNOTATION, class_labels, unknown_class_problems
from nnunetv2.pathology.dataset.tiling_settings import TilingSettings


def settings(**changes: Any) -> TilingSettings:
    return TilingSettings(**{"mpp": 0.5, **changes})


def test_classes_found_are_numbered_alphabetically_from_1() -> None:
    classes = class_labels(settings(), {"Tumor", "Stroma", "Necrosis"})
    assert dict(classes.values) == {"background": 0, "Necrosis": 1, "Stroma": 2, "Tumor": 3}


def test_regions_and_classes_left_out_get_no_label_and_ignore_is_the_last_one() -> None:
    chosen = settings(roi="ROI", renamed={"Pen": "", "tumour": "Tumor", "Fold": "ignore", "Fat": "background"})
    classes = class_labels(chosen, {"Tumor", "tumour", "ROI", "Pen", "Fold", "Fat"})
    assert dict(classes.values) == {"background": 0, "Tumor": 1, "ignore": 2}
    labels = {name: classes.label_of(name) for name in ("ROI", "Pen", "Fold", "Fat", "tumour")}
    assert labels == {"ROI": 0, "Pen": None, "Fold": 2, "Fat": 0, "tumour": 1}
    assert classes.foreground == {"Tumor": 1}


def test_pixels_to_ignore_add_a_label_unless_it_is_named() -> None:
    given = {"background": 0, "Tumor": 1}
    assert dict(class_labels(settings(labels=given, roi="ROI"), ()).values) == {**given, "ignore": 2}
    assert dict(class_labels(settings(labels=given, roi="ROI", unannotated="background"), ()).values) == given
    named = {"background": 0, "Tumor": 1, "ignore": 2}
    assert dict(class_labels(settings(labels=named, unannotated="ignore"), ()).values) == named


def test_classes_are_drawn_in_the_order_of_the_labels_over_regions() -> None:
    classes = class_labels(settings(labels={"background": 0, "Tumor": 2, "Stroma": 1}, roi="ROI"), ())
    assert sorted(["Stroma", "ROI", "Tumor"], key=classes.rank) == ["ROI", "Tumor", "Stroma"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": {"Tumor": 2}}, "label 'Tumor': found 2, did you mean 1"),
        ({"labels": {"ignore": 1, "Tumor": 2}}, "ignore"),
        ({"labels": {"background": 1, "Tumor": 2}}, "background"),
        ({"labels": {"Tumor": 1, "ROI": 2}, "roi": "ROI"}, "--roi ROI: is a label, too"),
        ({"labels": {"Tumor": 1}, "renamed": {"x": "Stroma"}}, "'Stroma' is not among the labels (background, Tumor)"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        class_labels(settings(**changes), ())
    assert message in str(caught.value)


@pytest.mark.parametrize("found", [set(), {"ROI"}, {"a\nb"}])
def test_annotations_without_a_class_to_learn_are_refused(found: set[str]) -> None:
    with pytest.raises(AnnotationError):
        class_labels(settings(roi="ROI"), found)


def test_the_message_of_an_unknown_class_names_the_most_similar_one() -> None:
    classes = class_labels(settings(labels={"background": 0, "Tumor": 1, "Stroma": 2}), ())
    assert unknown_class_problems("a_annot.xml", "group", ["tumour", "Tumor", "fat cells"], classes) == [
        "a_annot.xml: group 'tumour' is not among the labels (background, Tumor, Stroma); did you mean Tumor?"
        " --map tumour=Tumor",
        "a_annot.xml: group 'fat cells' is not among the labels (background, Tumor, Stroma);"
        " --map 'fat cells=' leaves it out",
    ]


def test_values_of_masks_are_labels_unless_they_are_renamed() -> None:
    classes = class_labels(settings(labels={"Tumor": 1, "Stroma": 2}, renamed={"255": "Tumor", "9": ""}), ())
    values = {value: classes.of_value(value) for value in (0, 1, 2, 255, 9, 3)}
    assert values == {0: 0, 1: 1, 2: 2, 255: 1, 9: NO_ANNOTATION, 3: None}


def test_with_regions_a_mask_says_nothing_outside_of_them() -> None:
    classes = class_labels(settings(labels={"Tumor": 1}, roi="ROI", renamed={"7": "ROI"}), ())
    assert [classes.of_value(value) for value in (0, 7, 1)] == [NO_ANNOTATION, 0, 1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mpp": 0}, "--mpp 0: expected 0.05 to 20"),
        ({"mpp": float("nan")}, "--mpp nan"),
        ({"tile": 0}, "--tile 0: expected 16"),
        ({"tile": 10**9}, "--tile 1000000000"),
        ({"stride": 0}, "--stride 0"),
        ({"min_tissue": 1.5}, "--min_tissue 1.5: expected a share from 0 to 1"),
        ({"min_labelled": float("nan")}, "--min_labelled nan"),
        ({"background_share": -1}, "--background_share -1"),
        ({"max_tiles": 0}, "--max_tiles 0"),
        ({"tissue": "nowhere"}, "--tissue nowhere: no such file"),
        ({"unannotated": "black"}, "'black': expected one of background, ignore, skip"),
    ],
)
def test_settings_outside_their_range_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DriftError) as caught:
        settings(**changes)
    assert message in str(caught.value)


def test_settings_come_back_from_their_dictionary_and_unknown_ones_are_refused() -> None:
    chosen = settings(labels={"Tumor": 1}, roi="ROI", exclude=("Hole",))
    assert TilingSettings.from_dict(chosen.to_dict()).to_dict() == chosen.to_dict()
    with pytest.raises(SettingsError, match="unknown settings of a tiling: tiles"):
        TilingSettings.from_dict({"mpp": 0.5, "tiles": 3})
