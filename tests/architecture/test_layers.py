"""The layers of the house: a row imports only rows above it, and no modules import each other in a circle.

Late look-ups, inside functions, that lead to lower rows or back are listed.
"""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Highest row first in reach: each may import itself and everything before it.
LAYERS: list[set[str]] = [
    {"s1", "nnunetv2.paths", "nnunetv2.configuration", "nnunetv2.errors", "nnunetv2.drift_version"},
    {"nnunetv2.foundation"},
    {"nnunetv2.utilities", "nnunetv2.file_kinds", "nnunetv2.networks", "nnunetv2.overlays"},
    {"nnunetv2.model_sharing"},
    {"nnunetv2.imageio", "nnunetv2.domains", "nnunetv2.boundary", "nnunetv2.pathology"},
    {
        "nnunetv2.preprocessing",
        "nnunetv2.evaluation",
        "nnunetv2.experiment_planning",
        "nnunetv2.postprocessing",
        "nnunetv2.pathology.outputs",
    },
    {
        "nnunetv2.inference",
        "nnunetv2.dataset_conversion",
        "nnunetv2.dataset_proposal",
        "nnunetv2.pathology.dataset",
        "nnunetv2.ensembling",
    },
    {"nnunetv2.training"},
    {"nnunetv2.pathology.prediction", "nnunetv2.serving"},
    {"nnunetv2.model_container"},
    {"nnunetv2.run", "nnunetv2.ablation"},
]
REPORTING_MAY_USE = {
    "s1.file_endings",
    "s1.environment",
    "s1.json_files",
    "s1.shown_pixels",
    "s1.tiff_files",
    "nnunetv2.errors",
    "nnunetv2.domains.dataset_domains",
    "nnunetv2.foundation.files",
    "nnunetv2.file_kinds",
    "nnunetv2.utilities.plans_handling.inheritance",
    "nnunetv2.foundation.command_line",
    "nnunetv2.foundation.output_guard",
}

# module -> the module below or beside it that it looks up late, inside a function or for annotations only
LAZY_UPWARD = {
    ("nnunetv2.evaluation.find_best_configuration", "nnunetv2.ensembling.ensemble"),
    ("nnunetv2.run.run_training", "nnunetv2.run.training_run"),  # the command, which loads torch late
    ("nnunetv2.utilities.find_objects", "nnunetv2.training"),
    ("nnunetv2.overlays.cases", "nnunetv2.imageio.base_reader_writer"),  # for annotations
    ("nnunetv2.overlays.cases", "nnunetv2.preprocessing.storage.base_dataset"),
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


def import_nodes(tree: ast.AST, late: bool = False) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Yield all import statements and whether they run late: inside a function, or never (`if TYPE_CHECKING`)."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, late
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from import_nodes(ast.Module(node.body, []), late=True)
            yield from import_nodes(ast.Module(node.orelse, []), late)
        else:
            yield from import_nodes(node, late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def imported_by(node: ast.Import | ast.ImportFrom, package: str) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    base = node.module or ""
    if node.level:
        base = ".".join([*package.split(".")[: len(package.split(".")) - node.level + 1], base]).strip(".")
    return {base, *(f"{base}.{alias.name}" for alias in node.names)}


@cache
def all_imports(module: str, file: Path, *, at_the_top: bool = False) -> frozenset[str]:
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    nodes = [node for node, late in import_nodes(ast.parse(file.read_text())) if not (late and at_the_top)]
    return frozenset(name for node in nodes for name in imported_by(node, package))


def imported_modules(module: str, file: Path, *, at_the_top: bool = False) -> set[str]:
    names = all_imports(module, file, at_the_top=at_the_top)
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


def looks_up_late(module: str, used: str) -> bool:
    return any(module == m and is_within(used, u) for m, u in LAZY_UPWARD)


@pytest.mark.parametrize(("module", "file"), module_files(), ids=[name for name, _ in module_files()])
def test_a_module_imports_only_its_own_row_and_rows_above(module: str, file: Path) -> None:
    if is_within(module, "nnunetv2.reporting") or module == "nnunetv2":
        return
    own = row_of(module)
    assert own is not None, f"{module} has no row: add its package to LAYERS"
    at_the_top = imported_modules(module, file, at_the_top=True)
    for used in imported_modules(module, file):
        row = row_of(used)
        if row is None or (used not in at_the_top and looks_up_late(module, used)):
            continue
        assert row <= own, f"{module} (row {own}) imports {used} (row {row})"


def test_no_modules_import_each_other_in_a_circle() -> None:
    files = dict(module_files())
    graph = {}
    for module, file in files.items():
        at_the_top = imported_modules(module, file, at_the_top=True)
        graph[module] = {
            used
            for used in imported_modules(module, file)
            if used in files and used != module and (used in at_the_top or not looks_up_late(module, used))
        }
    TopologicalSorter(graph).prepare()  # raises CycleError with the circle


def test_prediction_imports_at_once_but_for_what_exporting_processes_do_not_need_and_the_compiler_of_torch() -> None:
    room = {module: file for module, file in module_files() if is_within(module, "nnunetv2.inference")}
    late = {
        module for module, file in room.items() if "nnunetv2.foundation.late_names" in imported_modules(module, file)
    }
    assert late == {"nnunetv2.inference.export_prediction", "nnunetv2.inference.predict_from_raw_data"}


def test_no_module_imports_the_compiler_of_torch_before_it_is_needed() -> None:
    """That import alone is a quarter of the start of every command."""
    found = {
        module
        for module, file in module_files()
        if any(is_within(name, "torch._dynamo") for name in all_imports(module, file, at_the_top=True))
    }
    assert found == set()


def test_an_import_in_the_other_branch_of_type_checking_counts_as_one_at_the_top() -> None:
    text = "if TYPE_CHECKING:\n    import a\nelse:\n    import b\ndef f():\n    import c"
    found = {ast.unparse(node): late for node, late in import_nodes(ast.parse(text))}
    assert found == {"import a": True, "import b": False, "import c": True}


def test_the_list_of_late_look_ups_names_none_that_is_gone() -> None:
    files = dict(module_files())
    for module, used in LAZY_UPWARD:
        late = imported_modules(module, files[module]) - imported_modules(module, files[module], at_the_top=True)
        assert any(is_within(name, used) for name in late), f"{module} looks up nothing of {used}"


def test_stage_1_never_imports_the_package() -> None:
    for module, file in module_files():
        if is_within(module, "s1"):
            assert not {used for used in imported_modules(module, file) if is_within(used, "nnunetv2")}, module


def test_reporting_reads_files_and_uses_no_part_that_calculates() -> None:
    for module, file in module_files():
        if is_within(module, "nnunetv2.reporting"):
            for used in imported_modules(module, file):
                allowed = any(is_within(used, name) for name in REPORTING_MAY_USE) or is_within(
                    used, "nnunetv2.reporting"
                )
                assert allowed or used in ("nnunetv2", "nnunetv2.foundation"), f"{module} imports {used}"


def test_stage_1_is_only_used_for_files_images_prism_results_errors_cpus_and_the_environment() -> None:
    allowed = {
        "s1",
        "s1.cpus",
        "s1.domain_discovery",
        "s1.domain_files",
        "s1.domain_map",
        "s1.domain_map_makers",
        "s1.name_patterns",
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
        "s1.table_rows",
        "s1.tiff_files",
        "s1.tiff_rows",
        "s1.tiff_parts",
        "s1.environment",
        "s1.json_files",
        "s1.problem_lists",
        "s1.json_schema",
        "s1.dataset_file",
    }
    for module, file in module_files():
        if not is_within(module, "s1"):
            used = {name for name in imported_modules(module, file) if is_within(name, "s1")}
            assert all(any(is_within(name, base) for base in allowed - {"s1"}) or name == "s1" for name in used), module
