"""Facts about a model and its training data, read from the JSON files in its folder."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnunetv2.domains.dataset_domains import read_dataset_domains
from nnunetv2.errors import MissingFileError
from nnunetv2.file_kinds.dataset_files import DATASET
from nnunetv2.file_kinds.plans_files import PLANS
from nnunetv2.foundation.files import read_json
from nnunetv2.utilities.plans_handling.inheritance import check_configuration, with_inherited
from s1.environment import folder_variable
from s1.json_files import JsonFile


@dataclass(frozen=True)
class ModelFacts:
    """The facts of a model folder, or of a folder of predictions with copies of its files; unknown facts are empty."""

    dataset: Mapping[str, Any] = field(default_factory=dict)
    """Content of dataset.json."""
    plans: Mapping[str, Any] = field(default_factory=dict)
    """Content of plans.json."""
    domains: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Domain -> training cases."""
    explicit_ratios: Mapping[str, float] = field(default_factory=dict)
    """Mixing ratios written in domains.json."""
    measured_ratios: Mapping[str, float] = field(default_factory=dict)
    """Mixing ratios that stage 1 derived (prism_dd.json)."""
    trainer: str = ""
    configuration: str = ""

    @property
    def dataset_name(self) -> str:
        """Name of the dataset, such as Dataset110_Tumor."""
        return str(self.plans.get("dataset_name") or self.dataset.get("name") or "unnamed dataset")

    @property
    def file_ending(self) -> str:
        """Ending of the label files."""
        return str(self.dataset.get("file_ending", ".png"))

    @property
    def class_names(self) -> dict[str, str]:
        """Class key as in summary.json ("1" or "(1, 2)") -> name, without background and ignore label."""
        names = {}
        for name, value in self.dataset.get("labels", {}).items():
            if name not in ("background", "ignore"):
                names[str(tuple(value)) if isinstance(value, list) else str(value)] = str(name)
        return names

    def name_of(self, class_key: str) -> str:
        """Return the name of a class, or its key if the name is not known."""
        return self.class_names.get(class_key, f"class {class_key}")

    @property
    def plan(self) -> dict[str, Any]:
        """The settings of the trained configuration, inherited ones included."""
        configurations = self.plans.get("configurations", {})
        return with_inherited(self.configuration, configurations) if self.configuration in configurations else {}


def labels_of(class_key: str) -> tuple[int, ...]:
    """Return the labels of a class key: "1" is (1,), "(1, 2)" is (1, 2)."""
    value = ast.literal_eval(class_key)
    return tuple(int(label) for label in value) if isinstance(value, tuple) else (int(value),)


def read_model_facts(folder: Path) -> ModelFacts:
    """Read dataset.json, plans.json, domains.json and prism_dd.json in a folder, as far as they exist."""
    known = read_dataset_domains(folder)
    trainer, configuration = _trainer_and_configuration(folder)
    plans = _read_if_exists(folder / "plans.json", PLANS)
    if not configuration and len(plans.get("configurations", {})) == 1:
        configuration = next(iter(plans["configurations"]))
    facts = ModelFacts(
        dataset=_read_if_exists(folder / "dataset.json", DATASET),
        plans=plans,
        domains=known.domain_map.domains if known.domain_map else {},
        explicit_ratios=(known.domain_map and known.domain_map.ratios) or {},
        measured_ratios=known.prism_ratios or {},
        trainer=trainer,
        configuration=configuration,
    )
    if facts.plan:
        check_configuration(configuration, facts.plan, plans, str(folder / "plans.json"))
    return facts


def find_folds(model_folder: Path) -> list[Path]:
    """Return the fold folders of a model, in order."""
    if not model_folder.is_dir():
        raise MissingFileError(f"folder not found: {model_folder}")
    folds = [path for path in model_folder.iterdir() if path.is_dir() and path.name.startswith("fold_")]
    if not folds:
        raise MissingFileError(
            f"{model_folder} has no fold_* folder; expected the folder of a trained model, or one of its folds, or "
            "--predictions with a folder of evaluated predictions"
        )
    return sorted(folds, key=lambda path: (not path.name[5:].isdigit(), path.name[5:].zfill(4)))


def raw_folder(dataset_name: str) -> Path | None:
    """Return the folder of the raw dataset in nnUNet_raw, None if it does not exist."""
    root = folder_variable("nnUNet_raw").path
    folder = Path(root, dataset_name) if root else None
    return folder if folder and folder.is_dir() else None


def _trainer_and_configuration(folder: Path) -> tuple[str, str]:
    parts = folder.name.split("__")
    return (parts[0], parts[2]) if len(parts) == 3 else ("", "")


def _read_if_exists(path: Path, kind: JsonFile) -> dict[str, Any]:
    return read_json(path, kind) if path.is_file() else {}
