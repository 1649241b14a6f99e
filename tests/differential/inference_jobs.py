"""Predicts a list of jobs with whichever nnU-Net is on the path; run as a script by test_inference.py.

A job: {"model", "folds", "checkpoint", "settings" (of the predictor), "images" (folder), "out" (folder),
"workers", "previous" (folder of the previous stage)}, or
instead of the last four entries {"arrays": [npy files], "logits": npz file}, or {"exports": [{"shape" (of logits),
"properties"}], "logits": npz file}, for labels, labels beside probabilities, and probabilities of random logits.
"""

import json
import os
import sys

import numpy as np
import torch

from nnunetv2.inference.export_prediction import convert_predicted_logits_to_segmentation_with_correct_shape as convert
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor


def run_job(job: dict) -> None:
    """Run one job."""
    predictor = nnUNetPredictor(device=torch.device("cpu"), allow_tqdm=False, **job["settings"])
    predictor.initialize_from_trained_model_folder(job["model"], job["folds"], job["checkpoint"])
    if "images" in job:
        if job["workers"]:
            predictor.predict_from_files(job["images"], job["out"], True, True, job["workers"], job["workers"])
        else:
            os.makedirs(job["out"])
            predictor.predict_from_files_sequential(job["images"], job["out"], True, True, job["previous"])
        return
    if "exports" in job:
        np.savez(
            job["logits"],
            *[array for number, case in enumerate(job["exports"]) for array in exported(predictor, number, case)],
        )
        return
    logits = [predictor.predict_logits_from_preprocessed_data(torch.from_numpy(np.load(f))) for f in job["arrays"]]
    np.savez(job["logits"], *[entry.numpy() for entry in logits])


def exported(predictor: nnUNetPredictor, seed: int, case: dict) -> list:
    """Return labels, labels beside probabilities, and probabilities of random logits with many ties."""
    values = np.random.default_rng(seed).normal(
        scale=4, size=(predictor.label_manager.num_segmentation_heads, *case["shape"])
    )
    arguments = (predictor.plans_manager, predictor.configuration_manager, predictor.label_manager)
    found = []
    for with_probabilities in (False, True):
        logits = (np.round(values * 4) / 4).astype(np.float16)
        result = convert(logits, *arguments, dict(case["properties"]), return_probabilities=with_probabilities)
        found += result if with_probabilities else [result]
    return found


if __name__ == "__main__":
    with open(sys.argv[1]) as stream:
        jobs = json.load(stream)
    for entry in jobs:
        run_job(entry)
