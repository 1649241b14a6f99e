"""The layers of the house: a row may import only rows above it (lazy look-ups by name are listed)."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Highest row first in reach: each may import itself and everything before it.
LAYERS: list[set[str]] = [
    {"s1", "nnunetv2.paths", "nnunetv2.configuration", "nnunetv2.errors", "nnunetv2.drift_version"},
    {"nnunetv2.utilities"},
    {"nnunetv2.model_sharing"},
    {"nnunetv2.imageio", "nnunetv2.domains", "nnunetv2.boundary", "nnunetv2.pathology"},
    {"nnunetv2.preprocessing", "nnunetv2.evaluation", "nnunetv2.experiment_planning", "nnunetv2.postprocessing"},
    {"nnunetv2.inference", "nnunetv2.dataset_conversion", "nnunetv2.ensembling"},
    {"nnunetv2.training"},
    {"nnunetv2.run", "nnunetv2.ablation"},
]
REPORTING_MAY_USE = {
    "s1.file_endings",
    "s1.domain_files",
    "s1.environment",
    "s1.json_files",
    "s1.json_schema",
    "s1.shown_pixels",
    "s1.tiff_files",
    "nnunetv2.errors",
    "nnunetv2.utilities.files",
    "nnunetv2.utilities.file_kinds",
    "nnunetv2.utilities.plans_handling.inheritance",
    "nnunetv2.utilities.command_line",
    "nnunetv2.utilities.output_guard",
}

# module -> the module it looks up to, inside a function
LAZY_UPWARD = {
    ("nnunetv2.utilities.find_objects", "nnunetv2.training"),
    ("nnunetv2.utilities.overlay_cases", "nnunetv2.imageio.base_reader_writer"),  # for annotations
    ("nnunetv2.utilities.overlay_cases", "nnunetv2.preprocessing.storage.base_dataset"),
    ("nnunetv2.utilities.overlay_plots", "nnunetv2.imageio.reader_writer_registry"),
    ("nnunetv2.utilities.overlay_plots", "nnunetv2.preprocessing.storage.dataset_kinds"),
    ("nnunetv2.utilities.plans_handling.plans_handler", "nnunetv2.experiment_planning.experiment_planners"),
    ("nnunetv2.utilities.plans_handling.plans_handler", "nnunetv2.imageio.reader_writer_registry"),
    ("nnunetv2.utilities.plans_handling.plans_handler", "nnunetv2.preprocessing.preprocessors"),
    ("nnunetv2.utilities.plans_handling.plans_handler", "nnunetv2.preprocessing.resampling.utils"),
}


def module_files() -> list[tuple[str, Path]]:
    files = []
    for folder, package in ((ROOT / "s1", "s1"), (ROOT / "s2s3", "nnunetv2")):
        for file in sorted(folder.rglob("*.py")):
            parts = [package, *file.relative_to(folder).with_suffix("").parts]
            files.append((".".join(p for p in parts if p != "__init__"), file))
    return files


def imported_modules(module: str, file: Path) -> set[str]:
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*package.split(".")[: len(package.split(".")) - node.level + 1], base]).strip(".")
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.split(".")[0] in ("s1", "nnunetv2")}


def row_of(module: str) -> int | None:
    best = None
    for row, members in enumerate(LAYERS):
        for member in members:
            if module == member or module.startswith(member + "."):
                best = row
    return best


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


@pytest.mark.parametrize(("module", "file"), module_files(), ids=[name for name, _ in module_files()])
def test_a_module_imports_only_its_own_row_and_rows_above(module: str, file: Path) -> None:
    if is_within(module, "nnunetv2.reporting") or module == "nnunetv2":
        return
    own = 99 if module.endswith((".command_line", "find_best_configuration")) else row_of(module)
    assert own is not None, f"{module} has no row: add its package to LAYERS"
    for used in imported_modules(module, file):
        row = row_of(used)
        if row is None or any(module == m and is_within(used, u) for m, u in LAZY_UPWARD):
            continue
        assert row <= own, f"{module} (row {own}) imports {used} (row {row})"


def test_stage_1_never_imports_the_package() -> None:
    for module, file in module_files():
        if is_within(module, "s1"):
            assert not {used for used in imported_modules(module, file) if is_within(used, "nnunetv2")}, module


def test_reporting_uses_nobody() -> None:
    for module, file in module_files():
        if is_within(module, "nnunetv2.reporting"):
            for used in imported_modules(module, file):
                allowed = any(is_within(used, name) for name in REPORTING_MAY_USE) or is_within(
                    used, "nnunetv2.reporting"
                )
                assert allowed or used in ("nnunetv2", "nnunetv2.utilities"), f"{module} imports {used}"


def test_stage_1_is_only_used_for_files_images_prism_results_errors_cpus_and_the_environment() -> None:
    allowed = {
        "s1",
        "s1.cpus",
        "s1.domain_files",
        "s1.domain_map",
        "s1.domain_map_makers",
        "s1.prism_result",
        "s1.errors",
        "s1.files",
        "s1.case_names",
        "s1.damaged_files",
        "s1.listed_files",
        "s1.output_places",
        "s1.partial_files",
        "s1.readable_files",
        "s1.claimed_size",
        "s1.file_endings",
        "s1.free_memory",
        "s1.orientation",
        "s1.picture",
        "s1.pillow_files",
        "s1.shown_pixels",
        "s1.tiff_files",
        "s1.environment",
        "s1.json_files",
        "s1.problem_lists",
        "s1.json_schema",
        "s1.dataset_file",
    }
    for module, file in module_files():
        if not is_within(module, "s1") and not module.endswith(("command_line", "drift_command")):
            used = {name for name in imported_modules(module, file) if is_within(name, "s1")}
            assert all(any(is_within(name, base) for base in allowed - {"s1"}) or name == "s1" for name in used), module
