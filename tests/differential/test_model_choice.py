"""Ensembles, postprocessing and the choice of a model: stock nnU-Net and ours on the same results folder."""

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.differential.oracle import run_oracle, run_ours
from tests.inference.cross_validation import DATASET, environment_of, write_cross_validation

SCRIPT = """
    import json, os, sys
    from nnunetv2.ensembling.ensemble import ensemble_folders
    from nnunetv2.evaluation.find_best_configuration import find_best_configuration
    from nnunetv2.postprocessing.remove_connected_components import (
        apply_postprocessing_to_folder, determine_postprocessing, remove_all_but_largest_component_from_segmentation
    )

    if __name__ == "__main__":
        root, reference = sys.argv[1:]
        configurations = ("2d", "3d_fullres", "3d_lowres")
        models = [dict(plans="nnUNetPlans", configuration=c, trainer="nnUNetTrainer") for c in configurations]
        find_best_configuration("Dataset901_Tiny", models, True, 1, True, (0, 1))
        results = os.path.join(root, "results", "Dataset901_Tiny")
        folders = [os.path.join(results, "nnUNetTrainer__nnUNetPlans__" + c) for c in ("2d", "3d_fullres")]
        merged = os.path.join(folders[0], "crossval_results_folds_0_1")
        functions, arguments = determine_postprocessing(merged, reference, None, None, 1, True)
        print([f.__name__ for f in functions], arguments)
        description = (os.path.join(merged, "plans.json"), os.path.join(merged, "dataset.json"))
        apply_postprocessing_to_folder(merged, os.path.join(root, "applied"), functions, arguments, *description, 1)
        for folder in folders:
            for name in ("plans.json", "dataset.json"):
                source = os.path.join(folder, name)
                open(os.path.join(folder, "fold_0", "validation", name), "w").write(open(source).read())
        inputs = [os.path.join(folder, "fold_0", "validation") for folder in folders]
        ensemble_folders(inputs, os.path.join(root, "ensembled"), True, 1)
"""


class Both:
    """The results of stock and of ours for equal folders."""

    def __init__(self, root: Path, **description: Any):
        self.root = root
        source = write_cross_validation(root / "source", {"2d": 0.05, "3d_fullres": 0.2}, **description)
        self.shown = []
        for who, run in (("stock", run_oracle), ("ours", run_ours)):
            shutil.copytree(source, root / who)
            reference = root / who / "raw" / DATASET / "labelsTr"
            environment = {**environment_of(root / who), "OMP_NUM_THREADS": "1", "nnUNet_def_n_proc": "1"}
            self.shown.append(run(SCRIPT, root / who, reference, env=environment, forks=True).splitlines()[-1])

    def texts(self, *parts: str) -> tuple[str, str]:
        """Return a text file of both, with equal paths."""
        stock, ours = ((self.root / who).joinpath(*parts).read_text() for who in ("stock", "ours"))
        return stock.replace(str(self.root / "stock"), ""), ours.replace(str(self.root / "ours"), "")

    def check_segmentations(self, *parts: str) -> None:
        """Compare all pictures of a folder."""
        stock, ours = ((self.root / who).joinpath(*parts) for who in ("stock", "ours"))
        files = sorted(path.name for path in stock.glob("*.png"))
        assert files == sorted(path.name for path in ours.glob("*.png"))
        assert files
        for file in files:
            np.testing.assert_array_equal(np.array(Image.open(ours / file)), np.array(Image.open(stock / file)))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    return Both(tmp_path_factory.mktemp("choice"))


MERGED = ("results", DATASET, "nnUNetTrainer__nnUNetPlans__2d", "crossval_results_folds_0_1")
ENSEMBLE = "ensemble___nnUNetTrainer__nnUNetPlans__2d___nnUNetTrainer__nnUNetPlans__3d_fullres___0_1"


def test_the_same_model_wins(both: Both) -> None:
    stock, ours = both.texts("results", DATASET, "inference_information.json")
    assert ours == stock
    assert len(json.loads(ours)["all_results"]) == 3


def test_the_commands_to_run_are_the_same(both: Both) -> None:
    stock, ours = both.texts("results", DATASET, "inference_instructions.txt")
    commands = [[line for line in text.splitlines() if line.startswith("nnUNetv2_")] for text in (stock, ours)]
    assert commands[1] == commands[0]
    assert len(commands[0]) >= 2


@pytest.mark.parametrize("folder", [MERGED, ("results", DATASET, "ensembles", ENSEMBLE), ("ensembled",), ("applied",)])
def test_segmentations_are_equal(both: Both, folder: tuple[str, ...]) -> None:
    both.check_segmentations(*folder)


def test_scores_are_equal(both: Both) -> None:
    for folder in (MERGED, ("results", DATASET, "ensembles", ENSEMBLE)):
        stock, ours = both.texts(*folder, "summary.json")
        assert ours == stock


def test_the_same_postprocessing_is_chosen(both: Both) -> None:
    assert both.shown[1] == both.shown[0]
    stock, ours = map(json.loads, both.texts(*MERGED, "postprocessing.json"))
    assert ours == stock
    assert stock["postprocessing_kwargs"]
    both.check_segmentations(*MERGED, "postprocessed")


def test_probabilities_of_ensembles_are_equal(both: Both) -> None:
    for file in (both.root / "stock" / "ensembled").glob("*.npz"):
        with np.load(file) as a, np.load(both.root / "ours" / "ensembled" / file.name) as b:
            np.testing.assert_array_equal(b["probabilities"], a["probabilities"])
    for file in (both.root / "stock" / "ensembled").glob("*.pkl"):
        ours = both.root / "ours" / "ensembled" / file.name
        assert pickle.loads(ours.read_bytes()) == pickle.loads(file.read_bytes())


def test_each_reads_the_postprocessing_of_the_other(both: Both) -> None:
    apply = """
        import sys
        from nnunetv2.postprocessing.remove_connected_components import entry_point_apply_postprocessing

        if __name__ == "__main__":
            entry_point_apply_postprocessing()
    """
    for run, mine, other in ((run_oracle, "stock", "ours"), (run_ours, "ours", "stock")):
        out = both.root / mine / "applied_other"
        merged = both.root.joinpath(mine, *MERGED)
        pkl = both.root.joinpath(other, *MERGED, "postprocessing.pkl")
        files = ("-plans_json", merged / "plans.json", "-dataset_json", merged / "dataset.json")
        run(apply, "-i", merged, "-o", out, "-pp_pkl_file", pkl, "-np", 1, *files, forks=True)
    both.check_segmentations("applied_other")
