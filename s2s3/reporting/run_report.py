"""Assemble the report of a trained model or of a folder of evaluated predictions."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nnunetv2.errors import MissingFileError
from nnunetv2.file_kinds.result_files import TRAINING_CURVES
from nnunetv2.foundation.files import read_json
from nnunetv2.reporting.case_files import picture_folders
from nnunetv2.reporting.evaluation_results import Results, read_results
from nnunetv2.reporting.glossary import glossary_section
from nnunetv2.reporting.html_page import heading, page, paragraph
from nnunetv2.reporting.model_facts import ModelFacts, find_folds, raw_folder, read_model_facts
from nnunetv2.reporting.result_sections import results_section, verdict, worst_cases_section
from nnunetv2.reporting.training_sections import curves_section, training_data_section

_CROSS_VALIDATION = "crossval_results_folds_"


def model_report(folder: Path, images_dir: Path | None = None, worst_cases: int = 6) -> str:
    """Return the HTML report of a trained model, or of one of its folds.

    Parameters:
        folder: the model folder (`<trainer>__<plans>__<configuration>`), or a `fold_*` folder in it.
        images_dir: images of the validation cases; None uses the raw dataset.
        worst_cases: number of cases to show per evaluation.

    Raises MissingFileError if it is not such a folder.
    """
    is_fold = folder.name.startswith("fold_") and folder.is_dir()
    model_folder, folds = (folder.parent, [folder]) if is_fold else (folder, find_folds(folder))
    facts = read_model_facts(model_folder)
    evaluations = list(_evaluations(model_folder, folds, pooled=not is_fold))
    curves = {fold: read_json(fold / "training_curves.json", TRAINING_CURVES) for fold in folds if _has_curves(fold)}
    if not evaluations and not curves:
        raise MissingFileError(
            f"{folder}: neither validation/summary.json nor training_curves.json in "
            f"{', '.join(fold.name for fold in folds)}; was the model trained to the end of an epoch?"
        )
    title = f"Report of a segmentation model: {facts.dataset_name}"
    body = [heading(title, 1), paragraph(_scope(facts, folds), "note")]
    body += _verdicts(evaluations)
    body += training_data_section(facts, _mixing(curves))
    for words, results in evaluations:
        body += _evaluation(f"How good the model is ({words})", facts, results, images_dir, worst_cases)
    body += _training(curves)
    return page(title, [*body, *glossary_section()])


def predictions_report(folder: Path, images_dir: Path | None = None, worst_cases: int = 6) -> str:
    """Return the HTML report of a folder of predictions that has a summary.json.

    Raises MissingFileError if the predictions were not evaluated.
    """
    facts, results = read_model_facts(folder), read_results(folder)
    title = f"Report of predictions: {facts.dataset_name if facts.plans or facts.dataset else folder.name}"
    body = [heading(title, 1), paragraph(f"Predictions in {folder}", "note"), *verdict(results)]
    body += _evaluation("How good the predictions are", facts, results, images_dir, worst_cases)
    body += training_data_section(facts, {})
    return page(title, [*body, *glossary_section()])


def _evaluations(model_folder: Path, folds: list[Path], pooled: bool) -> Iterator[tuple[str, Results]]:
    """Yield title and results: of the cross-validation of most folds if there is one, otherwise of each fold."""
    together = sorted(model_folder.glob(f"{_CROSS_VALIDATION}*/summary.json")) if pooled else []
    if together:
        largest = max((file.parent for file in together), key=lambda folder: len(_folds_of(folder)))
        yield f"cross-validation of {', '.join(map(_words, _folds_of(largest)))}", read_results(largest)
        return
    for fold in folds:
        if (fold / "validation" / "summary.json").is_file():
            yield f"{_words(fold)}, validation cases", read_results(fold / "validation")


def _folds_of(cross_validation: Path) -> list[Path]:
    folds = cross_validation.name.removeprefix(_CROSS_VALIDATION).split("_")
    return [cross_validation.with_name(f"fold_{fold}") for fold in folds]


def _verdicts(evaluations: list[tuple[str, Results]]) -> list[str]:
    if len(evaluations) == 1:
        return verdict(evaluations[0][1])
    return [line for words, results in evaluations for line in (heading(words.capitalize(), 3), *verdict(results))]


def _evaluation(
    title: str, facts: ModelFacts, results: Results, images_dir: Path | None, worst_cases: int
) -> list[str]:
    folders = picture_folders(results.folder, raw_folder(facts.dataset_name), images_dir)
    return [*results_section(title, facts, results), *worst_cases_section(facts, results, folders, worst_cases)]


def _training(curves: Mapping[Path, Mapping[str, Any]]) -> list[str]:
    sections = [line for fold, content in curves.items() for line in curves_section(_words(fold), content)]
    return [heading("Training"), *sections] if sections else []


def _has_curves(fold: Path) -> bool:
    return (fold / "training_curves.json").is_file()


def _mixing(curves: Mapping[Path, Mapping[str, Any]]) -> dict[str, Mapping[str, float]]:
    """Return the mixing ratios of each fold; folds of unbalanced batches, or of older versions, are left out."""
    return {_words(fold): content["mixing_ratios"] for fold, content in curves.items() if content.get("mixing_ratios")}


def _scope(facts: ModelFacts, folds: list[Path]) -> str:
    names = ", ".join(_words(fold) for fold in folds)
    return f"{facts.trainer or 'Model'}, configuration {facts.configuration or 'unknown'}, {names}"


def _words(fold: Path) -> str:
    name = fold.name.removeprefix("fold_")
    return f"fold {name}" if name.isdigit() else f"trained on {name} cases"
