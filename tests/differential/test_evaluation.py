"""summary.json of the same predictions by stock nnU-Net and by this package."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnunetv2.foundation.files import write_json
from tests.differential.oracle import run_oracle, run_ours
from tests.factories.plans import make_dataset_json, make_plans

LABELS = {"background": 0, "a": 1, "b": 2, "c": 3, "ignore": 4}
REGIONS = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "single": [3], "plain": 1, "ignore": 4}

EVALUATE = """
    import os, sys
    from nnunetv2.evaluation.evaluate_predictions import (
        compute_metrics_on_folder2, compute_metrics_on_folder_simple, load_summary_json
    )

    if __name__ == "__main__":
        root, out = sys.argv[1:]
        folders = (os.path.join(root, "gt"), os.path.join(root, "pred"))
        for name in ("labels", "regions"):
            description = (os.path.join(root, name + ".json"), os.path.join(root, "plans.json"))
            compute_metrics_on_folder2(*folders, *description, os.path.join(out, name + ".json"), 1, chill=True)
        simple = os.path.join(out, "simple.json")
        compute_metrics_on_folder_simple(*folders, [0, 1, 3, 9], simple, 1, ignore_label=4, chill=True)
        print(sorted(map(str, load_summary_json(simple)["mean"])))
"""


@pytest.fixture(scope="module")
def summaries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("evaluation")
    generator = np.random.default_rng(5)
    for folder in ("gt", "pred", "stock", "ours"):
        (root / folder).mkdir()
    for number in range(4):
        reference = generator.integers(0, 5, (30, 40)).astype(np.uint8)
        prediction = np.where(generator.random((30, 40)) < 0.7, reference, generator.integers(0, 4, (30, 40)))
        if number == 2:  # a class that is in neither image, one that is only predicted
            reference[reference == 3], prediction[prediction == 3] = 0, 1
            reference[reference == 2] = 0
        Image.fromarray(reference).save(root / "gt" / f"case{number}.png")
        Image.fromarray(prediction.astype(np.uint8)).save(root / "pred" / f"case{number}.png")
    Image.fromarray(np.zeros((30, 40), np.uint8)).save(root / "gt" / "not_predicted.png")
    write_json(make_plans([8, 8], [1.0, 1.0], ".png", 3), root / "plans.json")
    write_json(make_dataset_json(".png", 3, LABELS), root / "labels.json")
    write_json(make_dataset_json(".png", 3, REGIONS, regions_class_order=[1, 2, 3, 1]), root / "regions.json")
    shown = [run(EVALUATE, root, root / who, forks=True) for who, run in (("stock", run_oracle), ("ours", run_ours))]
    assert shown[0].splitlines()[-1] == shown[1].splitlines()[-1]
    return root


@pytest.mark.parametrize("name", ["labels", "regions", "simple"])
def test_the_summaries_are_equal_to_the_last_character(summaries: Path, name: str) -> None:
    stock = (summaries / "stock" / f"{name}.json").read_text()
    assert "NaN" in stock
    assert len(json.loads(stock)["metric_per_case"]) == 4
    assert (summaries / "ours" / f"{name}.json").read_text() == stock
