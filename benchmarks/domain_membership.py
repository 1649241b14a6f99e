"""How well are images of an unseen domain told from known ones? `python benchmarks/domain_membership.py DATASET`.

DATASET is the name of a preprocessed dataset of RGB images with domains. Leaves out one domain after the other. The
other domains' cases are divided in five parts, by group; each part in turn is held out, and the statistics are those
that a training on the rest would store. Prints, for each domain left out, the mean and the lowest area under the ROC
curve (distance from the nearest known domain, unseen against held-out images), the share of held-out images inside the
limit and the share of unseen images outside, as means over the five.

With `--encoder`, trains stock nnU-Net (the small budget of `drift ablate`, minutes a domain) for the first part, and
prints the areas for the features of its encoder: per stage, the mean and the logarithm of the deviation of each channel
of the first convolution, before its normalisation, and of the output; alone, and beside the colours.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from nnunetv2.ablation.budget import find_budget
from nnunetv2.ablation.cell_run import CellTask, _seed_everything, _trainer
from nnunetv2.ablation.cells import Candidate, Cell
from nnunetv2.ablation.protocols import Part, Protocol, make_parts
from nnunetv2.domains.dataset_domains import read_dataset_domains
from nnunetv2.domains.domain_splits import stratified_splits
from nnunetv2.domains.domain_statistics import measure_domains
from nnunetv2.pathology.stain.colour_features import colour_features
from nnunetv2.training.dataloading.nnunet_dataset import infer_dataset_class

Features = Mapping[str, np.ndarray]
LARGEST_SIDE = 512


class Experiment:
    """A preprocessed dataset with its domains."""

    def __init__(self, name: str):
        self.name = name
        self.folder = Path(os.environ["nnUNet_preprocessed"]) / name
        domains = read_dataset_domains(self.folder)
        self.map, self.groups = domains.required_map, domains.groups
        self.cases = sorted(self.map.domain_by_case)
        data = str(self.folder / "nnUNetPlans_2d")
        self.dataset: Any = infer_dataset_class(data)(data, list(self.cases))

    def colours(self) -> Features:
        """Return case -> (9,)."""
        found = {}
        for case in self.cases:
            data, _, _, properties = self.dataset.load_case(case)
            found[case] = colour_features(data, properties)
            if found[case] is None:
                sys.exit(f"{case}: colours unknown; preprocess the dataset again")
        return found

    def rounds(self, unseen: str) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
        """Yield known and held-out cases of the other domains."""
        out = self.map.domains[unseen]
        hidden = {self.groups[case] for case in out if case in self.groups}
        others = [case for case in self.cases if case not in out and self.groups.get(case) not in hidden]
        for split in stratified_splits(others, self.map, self.groups, 5):
            yield split["train"], split["val"]

    def figures(self, features: Features, known: Sequence[str], held_out: Sequence[str], unseen: Sequence[str]) -> Any:
        """Return the area under the ROC curve, the share of held-out cases inside and that of unseen cases outside."""
        found = measure_domains({case: features[case] for case in known}, self.map, self.groups)
        assert found is not None
        inner, outer = (
            np.array([min(found.distances(features[c]).values()) for c in cases]) for cases in (held_out, unseen)
        )
        area = roc_auc_score([0] * len(inner) + [1] * len(outer), [*inner, *outer])
        return area, (inner <= found.limit).mean(), (outer > found.limit).mean()


def encoder_features(experiment: Experiment, part: Part) -> dict[str, dict[str, np.ndarray]]:
    """Return name of a layer -> case -> features, of stock nnU-Net trained without the part's unseen domain."""
    cell = Cell(experiment.name, "2d", Protocol.UNSEEN_DOMAIN, part.name, Candidate("nnUNetTrainerNoDomains"), 0)
    with tempfile.TemporaryDirectory() as results:
        os.environ.update(nnUNet_results=results, nnUNet_n_proc_DA="0")
        _seed_everything(0)
        trainer = _trainer(CellTask(cell, part, find_budget("small"), Path(results), experiment.folder))
        trainer.run_training()
    network = trainer.network.eval()
    found: dict[str, dict[str, np.ndarray]] = {}
    case = ""

    def keep(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
            deviation, mean = torch.std_mean(output[0].flatten(1), dim=1)
            found.setdefault(name, {})[case] = torch.cat([mean, (deviation + 1e-4).log()]).numpy()

        return hook

    for number, stage in enumerate(network.encoder.stages):
        first = next(layer for layer in stage.modules() if isinstance(layer, nn.Conv2d))
        first.register_forward_hook(keep(f"stage {number}, first convolution"))
        stage.register_forward_hook(keep(f"stage {number}, output"))
    with torch.inference_mode():
        for case in experiment.cases:
            network.encoder(_middle(torch.from_numpy(experiment.dataset.load_case(case)[0][:]).float()))
    return found


def _middle(image: torch.Tensor) -> torch.Tensor:
    """Return (1, C, y, x), the middle of an image (C, 1, y, x), in multiples of 16 pixels; smaller ones are padded."""
    plane = image[:, 0]
    for axis in (1, 2):
        side = min(LARGEST_SIDE, max(128, plane.shape[axis] // 16 * 16))
        missing = max(0, side - plane.shape[axis])
        plane = nn.functional.pad(plane, (0, missing) if axis == 2 else (0, 0, 0, missing))
        plane = plane.narrow(axis, (plane.shape[axis] - side) // 2, side)
    return plane[None]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--encoder", action="store_true")
    arguments = parser.parse_args()
    experiment = Experiment(arguments.dataset)
    colours = experiment.colours()
    print("domain left out: AUROC mean, lowest | held-out inside | unseen outside")
    for unseen, members in experiment.map.domains.items():
        rounds = experiment.rounds(unseen)
        figures = np.array([experiment.figures(colours, *pair, members) for pair in rounds])
        area, inside, outside = figures.mean(axis=0)
        print(f"{unseen}: {area:.4f}, {figures[:, 0].min():.4f} | {inside:.2f} | {outside:.2f}", flush=True)
    if arguments.encoder:
        compare_encoder(experiment, colours)


def compare_encoder(experiment: Experiment, colours: Features) -> None:
    """Print the areas of the features of each layer, alone and beside the colours, as means over domains."""
    areas: dict[str, list[float]] = {}
    parts = make_parts(Protocol.UNSEEN_DOMAIN, experiment.cases, experiment.map, experiment.groups)
    for part in parts:
        print(f"training without {part.name}", file=sys.stderr)
        layers = encoder_features(experiment, part)
        beside = {f"colours and {n}": {c: np.r_[colours[c], x[c]] for c in x} for n, x in layers.items()}
        for name, features in {"colours": colours, **layers, **beside}.items():
            sets = (part.train, part.seen, part.unseen)
            areas.setdefault(name, []).append(experiment.figures(features, *sets)[0])
    for name, values in sorted(areas.items(), key=lambda item: -float(np.mean(item[1]))):
        print(f"{name}: {np.mean(values):.3f} ({', '.join(f'{value:.3f}' for value in values)})")


if __name__ == "__main__":
    main()
