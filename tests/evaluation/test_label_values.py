import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nnunetv2.errors import DatasetError
from nnunetv2.evaluation import evaluate_predictions
from nnunetv2.evaluation.evaluate_predictions import (
    compute_metrics_on_folder,
    compute_metrics_on_folder2,
    compute_metrics_on_folder_simple,
)
from nnunetv2.evaluation.label_values import LabelFile, WatchingReader
from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO
from tests.factories.plans import make_plans

MASK = np.zeros((6, 8), np.uint8)
MASK[1:4, 2:6] = 1
TWO = MASK.copy()
TWO[4:, :3] = 2


def folders(tmp_path: Path, reference: np.ndarray, prediction: np.ndarray) -> tuple[str, str]:
    for name, mask in (("ref", reference), ("pred", prediction)):
        (tmp_path / name).mkdir()
        Image.fromarray(mask).save(tmp_path / name / "a.png")
    return str(tmp_path / "ref"), str(tmp_path / "pred")


def of_dataset(tmp_path: Path, ref: str, pred: str, labels: dict[str, Any], **more: Any) -> None:
    content = {"channel_names": {"0": "R"}, "labels": labels, "numTraining": 1, "file_ending": ".png", **more}
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    (tmp_path / "plans.json").write_text(json.dumps(make_plans([8, 8], [1.0, 1.0], ".png", 1)))
    compute_metrics_on_folder2(ref, pred, tmp_path / "dataset.json", tmp_path / "plans.json", num_processes=0)


def simple(tmp_path: Path, ref: str, pred: str, labels: dict[str, Any], **more: Any) -> None:
    compute_metrics_on_folder_simple(ref, pred, [1], num_processes=0)


def plain(tmp_path: Path, ref: str, pred: str, labels: dict[str, Any], **more: Any) -> None:
    compute_metrics_on_folder(ref, pred, None, NaturalImage2DIO(), ".png", [1], num_processes=0)


WAYS = [of_dataset, simple, plain]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("reference", "prediction", "wrong"), [(MASK, MASK * 255, "pred"), (MASK * 255, MASK, "ref")])
def test_masks_of_0_and_255_are_refused_against_labels_0_and_1(
    tmp_path: Path, way: Callable[..., None], reference: np.ndarray, prediction: np.ndarray, wrong: str
) -> None:
    names = folders(tmp_path, reference, prediction)
    with pytest.raises(DatasetError, match=rf"^\S*{wrong}/a\.png: found 255, expected 0, 1; convert[^\n]*$"):
        way(tmp_path, *names, {"background": 0, "a": 1})
    assert not (tmp_path / "pred" / "summary.json").exists()


@pytest.mark.parametrize("way", WAYS)
def test_all_such_files_are_listed(tmp_path: Path, way: Callable[..., None]) -> None:
    names = folders(tmp_path, MASK * 255, MASK * 255)
    with pytest.raises(DatasetError, match=r"2 label images[\s\S]*ref/a\.png: found 255[\s\S]*pred/a\.png: found 255"):
        way(tmp_path, *names, {"background": 0, "a": 1})


@pytest.mark.parametrize(("reference", "prediction", "wrong"), [(MASK, TWO, "pred"), (TWO, MASK, "ref")])
def test_a_label_that_dataset_json_does_not_declare_is_refused(
    tmp_path: Path, reference: np.ndarray, prediction: np.ndarray, wrong: str
) -> None:
    names = folders(tmp_path, reference, prediction)
    with pytest.raises(DatasetError, match=rf"{wrong}/a\.png: found 2, expected 0, 1"):
        of_dataset(tmp_path, *names, {"background": 0, "a": 1})


@pytest.mark.parametrize("way", [simple, plain])
def test_labels_that_are_not_evaluated_are_no_mistake(tmp_path: Path, way: Callable[..., None]) -> None:
    way(tmp_path, *folders(tmp_path, TWO, TWO * 2 + TWO // 2), {})


def test_regions_and_the_ignore_label_are_known(tmp_path: Path) -> None:
    reference = TWO.copy()
    reference[0] = 3
    labels = {"background": 0, "whole": [1, 2], "core": [2], "ignore": 3}
    of_dataset(tmp_path, *folders(tmp_path, reference, TWO), labels, regions_class_order=[1, 2])
    assert (tmp_path / "pred" / "summary.json").exists()


def test_a_label_to_ignore_may_be_255(tmp_path: Path) -> None:
    names = folders(tmp_path, MASK * 255, MASK)
    compute_metrics_on_folder_simple(*names, [1], num_processes=0, ignore_label=255)


def test_empty_masks_pass(tmp_path: Path) -> None:
    simple(tmp_path, *folders(tmp_path, MASK * 0, MASK), {})


def test_a_replaced_function_scores_the_cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = {"reference_file": "r", "prediction_file": "p", "metrics": {1: {"Dice": 0.5}}}
    monkeypatch.setattr(evaluate_predictions, "compute_metrics", lambda *arguments: result)
    ref, pred = folders(tmp_path, MASK, MASK)
    summary = compute_metrics_on_folder(ref, pred, None, NaturalImage2DIO(), ".png", [1], num_processes=0)
    assert summary["metric_per_case"] == [result]


@pytest.mark.parametrize("number_of_labels", [2, 50])
@pytest.mark.parametrize("other", [255.0, -1.0, 2.5, 70000.0])
def test_other_values_are_found_however_many_labels_there_are(number_of_labels: int, other: float) -> None:
    class Reader:
        def read_seg(self, file: str) -> tuple[np.ndarray, dict[str, Any]]:
            return np.array([[0, 1, 1, other]], np.float32), {}

    watching = WatchingReader(Reader(), range(number_of_labels + 1))
    watching.read_seg("a")
    assert watching.seen == [LabelFile("a", True, (other,))]
