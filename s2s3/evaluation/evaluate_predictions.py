"""Score folders of predictions: `nnUNetv2_evaluate_folder` and `nnUNetv2_evaluate_simple`."""

import os
import sys
from argparse import Namespace
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nnunetv2.configuration import default_num_processes
from nnunetv2.errors import InvalidOutputError, MissingFileError
from nnunetv2.evaluation.case_metrics import (  # noqa: F401
    LabelOrRegion,
    compute_metrics,
    compute_tp_fp_fn_tn,
    region_or_label_to_mask,
)
from nnunetv2.evaluation.evaluation_report import check_domains, read_domains, report_evaluation
from nnunetv2.evaluation.label_values import evaluated_labels, refuse_other_values, score_case
from nnunetv2.evaluation.prediction_files import (
    common_ending,
    example_of,
    label_files,
    reference_names,
    refuse_other_endings,
)
from nnunetv2.evaluation.summary_file import (  # noqa: F401
    key_to_label_or_region,
    label_or_region_to_key,
    load_summary_json,
    save_summary_json,
    summarize,
)
from nnunetv2.file_kinds.dataset_files import MODEL_DATASET
from nnunetv2.foundation.files import read_json
from nnunetv2.foundation.late_names import late_names
from nnunetv2.foundation.output_guard import check_output_file, is_json_with
from nnunetv2.foundation.workers import run_cases, workers_worth_starting
from nnunetv2.utilities.label_handling.label_handling import labels_in_masks
from s1.file_endings import label_ending

if TYPE_CHECKING:
    from nnunetv2.imageio.base_reader_writer import BaseReaderWriter
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__,
    {
        "nnunetv2.evaluation.evaluate_command": (
            "evaluate_folder_entry_point",
            "evaluate_simple_entry_point",
        ),
        "batchgenerators.utilities.file_and_folder_operations": (
            "load_json",
            "save_json",
            "subfiles",
        ),
        "copy": ("deepcopy",),
        "nnunetv2.imageio.base_reader_writer": ("BaseReaderWriter",),
        "nnunetv2.imageio.reader_writer_registry": (
            "determine_reader_writer_from_dataset_json",
            "determine_reader_writer_from_file_ending",
        ),
        "nnunetv2.imageio.simpleitk_reader_writer": ("SimpleITKIO",),
        "nnunetv2.utilities.json_export": ("recursive_fix_for_json_export",),
        "nnunetv2.utilities.plans_handling.plans_handler": ("PlansManager",),
        "os.path": (
            "isfile",
            "join",
        ),
        "typing": (
            "List",
            "Tuple",
            "Union",
        ),
    },
    {"multiprocessing": "multiprocessing", "np": "numpy"},
)

PathLike = str | os.PathLike[str]

is_summary = is_json_with("metric_per_case", "mean")


def labels_to_list_of_regions(labels: Sequence[int]) -> list[tuple[int]]:
    """Return each label as a region."""
    return [(label,) for label in labels]


def compute_metrics_on_folder(
    folder_ref: PathLike,
    folder_pred: PathLike,
    output_file: PathLike | None,
    image_reader_writer: "BaseReaderWriter",
    file_ending: str,
    regions_or_labels: Sequence[LabelOrRegion],
    ignore_label: int | None = None,
    num_processes: int = default_num_processes,
    chill: bool = True,
) -> dict[str, Any]:
    """Score all predictions of a folder; return the content of summary.json and write it to `output_file` if given.

    Parameters:
        num_processes: at most one per case is used; 0 and 1 work in this process.
        chill: accept references without a prediction.

    Raises DatasetError naming predictions without reference and, unless `chill`, references without prediction, and
    files that hold other values instead of the labels, as 255 in place of 1.
    """
    scoring = _Scoring(image_reader_writer, file_ending, list(regions_or_labels), ignore_label)
    return _score_folder(folder_ref, folder_pred, output_file, scoring, num_processes, chill)


@dataclass(frozen=True)
class _Scoring:
    """How predictions are scored."""

    reader: "BaseReaderWriter"
    file_ending: str
    regions_or_labels: Sequence[LabelOrRegion]
    ignore_label: int | None
    known_labels: Collection[int] | None = None
    """All labels of the dataset; None if only those that are evaluated are known."""

    @property
    def labels(self) -> Collection[int]:
        """The values that count as labels."""
        evaluated = evaluated_labels(self.regions_or_labels, self.ignore_label)
        return evaluated if self.known_labels is None else self.known_labels


def _score_folder(
    folder_ref: PathLike,
    folder_pred: PathLike,
    output_file: PathLike | None,
    scoring: _Scoring,
    num_processes: int,
    chill: bool,
) -> dict[str, Any]:
    if output_file is not None and not os.fspath(output_file).endswith(".json"):
        raise InvalidOutputError(f"output file {output_file}: expected a name that ends in .json")
    ending = scoring.file_ending
    names = label_files(folder_pred, ending)
    if not names:
        raise MissingFileError(f"{folder_pred}: no predictions found, expected files that end in {ending}")
    reference_of = reference_names(folder_ref, folder_pred, names, ending, chill)
    shared = (scoring.reader, scoring.regions_or_labels, scoring.ignore_label, scoring.labels)
    cases = [
        (
            name.removesuffix(ending),
            (compute_metrics, os.path.join(folder_ref, reference_of[name]), os.path.join(folder_pred, name), *shared),
        )
        for name in names
    ]
    workers = workers_worth_starting(num_processes, len(cases))
    scored = run_cases(score_case, cases, workers, "Evaluation")
    files = [file for _, seen in scored for file in seen]
    refuse_other_values(files, scoring.labels, scoring.known_labels is not None)
    results = summarize([metrics for metrics, _ in scored])
    if output_file is not None:
        save_summary_json(results, output_file)
    return results


def score_predictions(
    folder_ref: PathLike,
    folder_pred: PathLike,
    output_file: PathLike | None,
    plans_manager: "PlansManager",
    dataset_json: dict[str, Any],
    num_processes: int,
) -> dict[str, Any]:
    """Score a model's predictions, with the reader, the labels or regions and the ignore label of the model."""
    label_manager = plans_manager.get_label_manager(dataset_json)
    return compute_metrics_on_folder(
        folder_ref,
        folder_pred,
        output_file,
        plans_manager.image_reader_writer_class(),
        label_ending(dataset_json["file_ending"]),
        label_manager.foreground_classes,
        label_manager.ignore_label,
        num_processes,
    )


def compute_metrics_on_folder2(
    folder_ref: PathLike,
    folder_pred: PathLike,
    dataset_json_file: PathLike,
    plans_file: PathLike,
    output_file: PathLike | None = None,
    num_processes: int = default_num_processes,
    chill: bool = False,
) -> None:
    """Score the predictions of a model, with the labels or regions and the ignore label of its dataset.json.

    The result is written to `output_file`, by default summary.json in the folder of predictions.
    """
    from nnunetv2.imageio.reader_writer_registry import determine_reader_writer_from_dataset_json
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    dataset_json = _read_description(dataset_json_file)
    ending = label_ending(dataset_json["file_ending"])
    example = example_of(folder_ref, label_files(folder_ref, ending))
    reader = determine_reader_writer_from_dataset_json(dataset_json, example, verbose=False)()
    label_manager = PlansManager(plans_file).get_label_manager(dataset_json)
    known = labels_in_masks(label_manager)
    scoring = _Scoring(reader, ending, label_manager.foreground_classes, label_manager.ignore_label, known)
    output = output_file or os.path.join(folder_pred, "summary.json")
    _score_folder(folder_ref, folder_pred, output, scoring, num_processes, chill)


def _read_description(dataset_json_file: PathLike) -> dict[str, Any]:
    content: dict[str, Any] = read_json(dataset_json_file, MODEL_DATASET)
    return content


def compute_metrics_on_folder_simple(
    folder_ref: PathLike,
    folder_pred: PathLike,
    labels: Sequence[LabelOrRegion],
    output_file: PathLike | None = None,
    num_processes: int = default_num_processes,
    ignore_label: int | None = None,
    chill: bool = False,
) -> None:
    """Score predictions for a list of labels, for the most common file ending in the reference folder."""
    from nnunetv2.imageio.reader_writer_registry import determine_reader_writer_from_file_ending

    ending = common_ending(folder_ref)
    refuse_other_endings(folder_ref, folder_pred, ending)
    example = example_of(folder_ref, label_files(folder_ref, ending))
    reader = determine_reader_writer_from_file_ending(ending, example, allow_nonmatching_filename=True, verbose=False)()
    compute_metrics_on_folder(
        folder_ref,
        folder_pred,
        output_file or os.path.join(folder_pred, "summary.json"),
        reader,
        ending,
        labels,
        ignore_label,
        num_processes,
        chill,
    )


def evaluate_folder_as_asked(arguments: Namespace) -> None:
    """Evaluate as the arguments of `nnUNetv2_evaluate_folder` ask, and print a short report."""
    output = arguments.o or os.path.join(arguments.pred_folder, "summary.json")
    inputs = {"-djfile": arguments.djfile, "-pfile": arguments.pfile, "--domains": arguments.domains}
    check_output_file(output, "a summary of scores", is_summary, inputs)
    domains = read_domains(arguments.domains)
    check_domains(domains, arguments.pred_folder, label_ending(_read_description(arguments.djfile)["file_ending"]))
    compute_metrics_on_folder2(
        arguments.gt_folder,
        arguments.pred_folder,
        arguments.djfile,
        arguments.pfile,
        output,
        arguments.np,
        chill=arguments.chill,
    )
    sys.stdout.write(report_evaluation(output, domains))


def evaluate_simple_as_asked(arguments: Namespace) -> None:
    """Evaluate as the arguments of `nnUNetv2_evaluate_simple` ask, and print a short report."""
    output = arguments.o or os.path.join(arguments.pred_folder, "summary.json")
    check_output_file(output, "a summary of scores", is_summary, {"--domains": arguments.domains})
    domains = read_domains(arguments.domains)
    check_domains(domains, arguments.pred_folder, common_ending(arguments.gt_folder))
    compute_metrics_on_folder_simple(
        arguments.gt_folder,
        arguments.pred_folder,
        arguments.l,
        output,
        arguments.np,
        arguments.il,
        chill=arguments.chill,
    )
    sys.stdout.write(report_evaluation(output, domains))
