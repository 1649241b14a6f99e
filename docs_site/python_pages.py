"""Pages about the public Python names, and which of them have no docstring."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

PAGES: dict[str, tuple[str, str, list[str]]] = {
    "prediction": (
        "Prediction",
        "Predict from Python as the commands do. Files and folders in, files out; or arrays in, arrays out.",
        [
            "nnunetv2.inference.predict_from_raw_data",
            "nnunetv2.inference.export_prediction",
            "nnunetv2.inference.data_iterators",
            "nnunetv2.inference.sliding_window_prediction",
        ],
    ),
    "slides": (
        "Whole slides",
        "The names below are also in `nnunetv2.pathology`.",
        [
            "nnunetv2.pathology.slides.slide",
            "nnunetv2.pathology.tissue.slide_tissue",
            "nnunetv2.pathology.tissue.tissue_mask",
            "nnunetv2.pathology.prediction.slide_predictor",
            "nnunetv2.pathology.prediction.predict_slides",
            "nnunetv2.pathology.prediction.slide_settings",
            "nnunetv2.pathology.prediction.slide_work",
            "nnunetv2.pathology.outputs.export_settings",
            "nnunetv2.pathology.dataset.tile_slides",
            "nnunetv2.pathology.dataset.tiling_settings",
        ],
    ),
    "domains": (
        "Domains",
        "Which case belongs to which domain, and what follows from it.",
        [
            "nnunetv2.domains.dataset_domains",
            "nnunetv2.domains.mixing_ratios",
            "nnunetv2.domains.batch_apportionment",
            "nnunetv2.domains.domain_splits",
            "nnunetv2.domains.domain_metrics",
            "nnunetv2.domains.domain_summary",
        ],
    ),
    "stage_1": (
        "Stage 1",
        "How domains differ, from Python. The package `s1` needs nothing else of DRIFT.",
        [
            "s1.domain_map",
            "s1.domain_map_makers",
            "s1.domain_files",
            "s1.domain_shift",
            "s1.domain_distances",
            "s1.domain_comparison",
            "s1.domain_discovery",
            "s1.prism_result",
            "s1.errors",
        ],
    ),
    "training": (
        "Training",
        "`nnUNetTrainer` and what it is made of. Own trainers: [Extending](../../extending.md).",
        [
            "nnunetv2.training.nnUNetTrainer.nnUNetTrainer",
            "nnunetv2.training.dataloading.data_loader",
            "nnunetv2.training.dataloading.nnunet_dataset",
            "nnunetv2.training.logging.nnunet_logger",
            "nnunetv2.run.run_training",
        ],
    ),
    "losses": (
        "Losses and schedules",
        "nnU-Net's losses and learning-rate schedules, and the losses on boundaries.",
        [
            "nnunetv2.training.loss.dice",
            "nnunetv2.training.loss.robust_ce_loss",
            "nnunetv2.training.loss.compound_losses",
            "nnunetv2.training.loss.deep_supervision",
            "nnunetv2.training.lr_scheduler.polylr",
            "nnunetv2.training.lr_scheduler.warmup",
            "nnunetv2.boundary.boundary_settings",
            "nnunetv2.boundary.boundary_loss",
            "nnunetv2.boundary.boundary_metrics",
        ],
    ),
    "plans": (
        "Plans, labels, networks",
        "What plans.json and dataset.json mean.",
        [
            "nnunetv2.utilities.plans_handling.plans_handler",
            "nnunetv2.utilities.plans_handling.configuration_entries",
            "nnunetv2.utilities.label_handling.label_handling",
            "nnunetv2.utilities.get_network_from_plans",
            "nnunetv2.utilities.network_initialization",
        ],
    ),
    "preprocessing": (
        "Planning and preprocessing",
        "From a raw dataset to what trainings read.",
        [
            "nnunetv2.experiment_planning.plan_and_preprocess_api",
            "nnunetv2.experiment_planning.experiment_planners.default_experiment_planner",
            "nnunetv2.preprocessing.preprocessors.default_preprocessor",
            "nnunetv2.preprocessing.cropping.cropping",
            "nnunetv2.preprocessing.normalization.default_normalization_schemes",
            "nnunetv2.preprocessing.resampling.default_resampling",
            "nnunetv2.preprocessing.resampling.utils",
            "nnunetv2.dataset_conversion.generate_dataset_json",
            "nnunetv2.dataset_conversion.convert_MSD_dataset",
            "nnunetv2.dataset_conversion.convert_image_folder",
        ],
    ),
    "imageio": (
        "Reading and writing",
        "Readers of image files. A reader of your own derives from BaseReaderWriter.",
        [
            "nnunetv2.imageio.base_reader_writer",
            "nnunetv2.imageio.natural_image_reader_writer",
            "nnunetv2.imageio.simpleitk_reader_writer",
            "nnunetv2.imageio.nibabel_reader_writer",
            "nnunetv2.imageio.reader_writer_registry",
        ],
    ),
    "evaluation": (
        "Evaluation",
        "Scores, choice of models, postprocessing, ensembles, sharing of models.",
        [
            "nnunetv2.evaluation.evaluate_predictions",
            "nnunetv2.evaluation.find_best_configuration",
            "nnunetv2.postprocessing.remove_connected_components",
            "nnunetv2.ensembling.ensemble",
            "nnunetv2.model_sharing.model_download",
            "nnunetv2.model_sharing.model_import",
            "nnunetv2.model_sharing.model_export",
        ],
    ),
    "helpers": (
        "Paths and helpers",
        "Small things that other programs import from nnU-Net, and the errors that ours raise.",
        [
            "nnunetv2.errors",
            "nnunetv2.paths",
            "nnunetv2.configuration",
            "nnunetv2.utilities.file_path_utilities",
            "nnunetv2.utilities.dataset_name_id_conversion",
            "nnunetv2.utilities.find_class_by_name",
            "nnunetv2.utilities.find_objects",
            "nnunetv2.utilities.helpers",
            "nnunetv2.utilities.default_n_proc_DA",
            "nnunetv2.utilities.ddp_allgather",
            "nnunetv2.utilities.collate_outputs",
            "nnunetv2.utilities.json_export",
            "nnunetv2.utilities.utils",
        ],
    ),
}
"""Name of the page -> title, first words, modules."""

WITH_INHERITED = ["nnunetv2.training.nnUNetTrainer.nnUNetTrainer"]
"""Modules whose classes are described with what they inherit."""

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def python_pages() -> dict[str, str]:
    """Return path -> text of the pages, which mkdocstrings fills."""
    return {f"reference/python/{name}.md": _page(*content) for name, content in PAGES.items()}


def undocumented_names() -> list[str]:
    """Return the public modules, classes, functions and methods of the pages that have no docstring."""
    return [name for _, _, modules in PAGES.values() for module in modules for name in _undocumented(module)]


def _page(title: str, lead: str, modules: list[str]) -> str:
    return "\n\n".join([f"# {title}", lead, *map(_directive, modules)]) + "\n"


def _directive(module: str) -> str:
    """Return what makes mkdocstrings describe the public names that a module defines."""
    names = [member.name for member in _public(ast.parse(source_file(module).read_text(encoding="utf-8")))]
    options = [f"members: [{', '.join(names)}]", f"inherited_members: {str(module in WITH_INHERITED).lower()}"]
    return "\n      ".join([f"::: {module}\n    options:", *options])


def source_file(module: str) -> Path:
    """Return the file of a module of ours."""
    package, *parts = module.split(".")
    place = ROOT.joinpath("s1" if package == "s1" else "s2s3", *parts)
    return place.with_suffix(".py")


def _undocumented(module: str) -> Iterator[str]:
    tree = ast.parse(source_file(module).read_text(encoding="utf-8"))
    if not ast.get_docstring(tree):
        yield module
    yield from _undocumented_members(tree, module)


def _undocumented_members(node: ast.Module | ast.ClassDef, path: str) -> Iterator[str]:
    for member in _public(node):
        name = f"{path}.{member.name}"
        if not ast.get_docstring(member) and not _is_further_signature(member):
            yield name
        if isinstance(member, ast.ClassDef):
            yield from _undocumented_members(member, name)


def _public(node: ast.Module | ast.ClassDef) -> list[Definition]:
    return [member for member in node.body if isinstance(member, Definition) and not member.name.startswith("_")]


def _is_further_signature(member: Definition) -> bool:
    """Whether this is a further signature for type checkers, or the setter of a property."""
    names = [ast.unparse(decorator) for decorator in member.decorator_list]
    return any(name == "overload" or name.endswith((".overload", ".setter")) for name in names)
