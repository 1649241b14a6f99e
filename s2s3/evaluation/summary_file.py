"""summary.json: metrics per case, their means per class, and the mean over foreground classes."""

import copy
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnunetv2.errors import InvalidValueError
from nnunetv2.file_kinds.result_files import CLASS, SUMMARY
from nnunetv2.foundation.files import read_json, write_json
from nnunetv2.utilities.json_export import recursive_fix_for_json_export

PathLike = str | os.PathLike[str]
Results = dict[str, Any]


def label_or_region_to_key(label_or_region: int | tuple[int, ...]) -> str:
    """Return the key of a class in summary.json: "1", "(1, 2)", "(3,)"."""
    return str(label_or_region)


def key_to_label_or_region(key: str) -> int | tuple[int, ...]:
    """Return the label or region tuple that a key of summary.json denotes."""
    if CLASS.problems(key.strip()):
        raise InvalidValueError(f"{key!r} is not a label or region, expected for example '1' or '(1, 2)'")
    labels = tuple(int(label) for label in re.findall(r"-?\d+", key))
    return labels if "(" in key else labels[0]


def summarize(metric_per_case: Sequence[Results]) -> Results:
    """Return `metric_per_case` with `mean` (per class, NaN left out) and `foreground_mean` (over classes except 0).

    The mean of a class that is absent everywhere is NaN, and then so is the foreground mean.
    """
    classes = list(metric_per_case[0]["metrics"])
    names = list(metric_per_case[0]["metrics"][classes[0]])
    mean = {
        key: {name: _mean_without_nan([case["metrics"][key][name] for case in metric_per_case]) for name in names}
        for key in classes
    }
    foreground = [key for key in classes if key not in (0, (0,))]
    foreground_mean = {
        name: float(np.mean([mean[key][name] for key in foreground])) if foreground else np.nan for name in names
    }
    return {"metric_per_case": list(metric_per_case), "mean": mean, "foreground_mean": foreground_mean}


def _mean_without_nan(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else np.nan


def save_summary_json(results: Results, output_file: PathLike) -> None:
    """Write results with strings as class keys, keys sorted, NaN as bare NaN; `results` is not changed.

    A domain_summary.json beside the new summary.json describes an earlier evaluation and is removed.
    """
    content = copy.deepcopy(results)
    content["mean"] = _convert_keys(content["mean"], label_or_region_to_key)
    for case in content["metric_per_case"]:
        case["metrics"] = _convert_keys(case["metrics"], label_or_region_to_key)
        case.update({name: os.fspath(case[name]) for name in ("reference_file", "prediction_file")})
    recursive_fix_for_json_export(content)
    write_json(content, output_file, sort_keys=True)
    if Path(output_file).name == "summary.json":
        Path(output_file).with_name("domain_summary.json").unlink(missing_ok=True)


def load_summary_json(filename: PathLike) -> Results:
    """Read summary.json with labels and region tuples as class keys."""
    results: Results = read_json(filename, SUMMARY)
    results["mean"] = _convert_keys(results["mean"], key_to_label_or_region)
    for case in results["metric_per_case"]:
        case["metrics"] = _convert_keys(case["metrics"], key_to_label_or_region)
    return results


def _convert_keys(entries: dict[Any, Any], convert: Any) -> dict[Any, Any]:
    return {convert(key): value for key, value in entries.items()}
