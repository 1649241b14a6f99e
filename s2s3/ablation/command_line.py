"""The command `drift ablate`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from nnunetv2.errors import ArgumentError, CasesFailedError, MissingFileError, SettingsError
from nnunetv2.foundation.command_line import command

if TYPE_CHECKING:
    from nnunetv2.ablation.ablation import Ablation
    from nnunetv2.ablation.cells import Candidate

_LARGEST_SEED = 2**32 - 1
REFERENCE = "nnUNetTrainerNoDomains"
PARTS = (
    "nnUNetTrainerNoDomainsBN",
    "nnUNetTrainerNoDomainsUniformAverage",
    "nnUNetTrainerJointBalancing",
    "nnUNetTrainerNoBatchBalance",
    "nnUNetTrainerUniformRatios",
    "nnUNetTrainerProportionalRatios",
    "nnUNetTrainerNoEdgeHeads",
    "nnUNetTrainerNoInverseLoss",
    "nnUNetTrainerNoFieldLoss",
    "nnUNetTrainerNoSkeletonLoss",
)
"""Compared with the reference if no trainer is named: averaged weights, joint balancing, and it less each part."""


@command
def ablate_entry() -> None:
    """Train every candidate on every part of a protocol at one small budget, and write the table."""
    arguments = _parser().parse_args()
    ablation = _ablation(arguments)
    device = _device(arguments.device)
    elsewhere = 0 if arguments.table_only else _train(ablation, arguments, device)
    if not _write_table(ablation) and not elsewhere:
        raise MissingFileError(f"{ablation.root}: no candidate is finished with any seed; run without --table_only")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Find out which parts help on your data: train candidates at one small budget, leaving out "
        "domains, and write one table with paired intervals. May be stopped and started again, and run several times "
        "at once."
    )
    parser.add_argument(
        "-d", required=True, metavar="DATASET", help="id or name of a preprocessed dataset with domains"
    )
    parser.add_argument("-c", default="2d", metavar="CONFIGURATION", help="planned configuration (default 2d)")
    parser.add_argument("--protocol", default="unseen-domain", help="unseen-domain (default) or domain-pairs")
    parser.add_argument(
        "-tr",
        nargs="+",
        default=list(PARTS),
        metavar="TRAINER",
        help="candidates: TRAINER, TRAINER:PLANS, or TRAINER@best for its best checkpoint instead of its last weights "
        "(default: averaged weights, joint balancing, and joint balancing less each of its parts)",
    )
    parser.add_argument("--reference", default=REFERENCE, metavar="TRAINER", help=f"default {REFERENCE}, as nnU-Net")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="N", help="default 0 1 2")
    parser.add_argument("--budget", default="small", help="small (default: minutes a training) or quick (seconds)")
    parser.add_argument("-o", metavar="FOLDER", help="folder of the ablation (default: in nnUNet_results)")
    parser.add_argument("-device", default="auto", help="cpu, cuda or auto (default)")
    parser.add_argument("--jobs", type=int, default=None, metavar="N", help="trainings at once (default: one per CPU)")
    parser.add_argument("--table_only", action="store_true", help="train nothing, write the table of what is done")
    return parser


def _ablation(arguments: argparse.Namespace) -> "Ablation":
    from nnunetv2.ablation.ablation import Ablation
    from nnunetv2.ablation.budget import find_budget
    from nnunetv2.ablation.cells import Candidate
    from nnunetv2.ablation.protocols import Protocol, make_parts
    from nnunetv2.domains.dataset_domains import read_dataset_domains
    from nnunetv2.paths import nnUNet_preprocessed, nnUNet_results
    from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name

    if arguments.protocol not in [protocol.value for protocol in Protocol]:
        known = ", ".join(protocol.value for protocol in Protocol)
        raise ArgumentError(f"--protocol {arguments.protocol}: expected one of {known}")
    unfit = [seed for seed in arguments.seeds if not 0 <= seed <= _LARGEST_SEED]
    if unfit:
        raise ArgumentError(f"--seeds {unfit[0]}: expected numbers from 0 to {_LARGEST_SEED}")
    budget = find_budget(arguments.budget)
    dataset = maybe_convert_to_dataset_name(arguments.d)
    preprocessed = nnUNet_preprocessed / dataset
    domains = read_dataset_domains(preprocessed)
    domain_map = domains.required_map
    parts = make_parts(Protocol(arguments.protocol), domain_map.domain_by_case, domain_map, domains.groups)
    reference = Candidate.parse(arguments.reference)
    candidates = tuple(dict.fromkeys([reference, *map(Candidate.parse, arguments.tr)]))
    _check_candidates(candidates, preprocessed, arguments.c, arguments.d)
    return Ablation(
        dataset=dataset,
        configuration=arguments.c,
        protocol=Protocol(arguments.protocol),
        budget=budget,
        candidates=candidates,
        reference=reference,
        seeds=tuple(dict.fromkeys(arguments.seeds)),
        root=Path(arguments.o) if arguments.o else nnUNet_results / dataset / f"ablation_{budget.name}",
        preprocessed=preprocessed,
        domain_map=domain_map,
        parts=tuple(parts),
    )


def _check_candidates(candidates: "tuple[Candidate, ...]", preprocessed: Path, configuration: str, d: str) -> None:
    """Find every trainer and its preprocessed cases before the first training starts."""
    from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    for candidate in candidates:
        recursive_find_trainer_class_by_name(candidate.trainer)
        plans = preprocessed / f"{candidate.plans}.json"
        command = f"nnUNetv2_plan_and_preprocess -d {d} -c {configuration}"
        if not plans.is_file():
            raise MissingFileError(f"{plans} not found, plans of {candidate}; make them with `{command}`")
        identifier = PlansManager(str(plans)).get_configuration(configuration).data_identifier
        if not (preprocessed / identifier).is_dir():
            raise MissingFileError(f"{preprocessed / identifier} not found; run `{command}`")


def _device(wanted: str) -> str:
    if wanted not in ("auto", "cpu", "cuda"):
        raise ArgumentError(f"-device {wanted}: expected auto, cpu or cuda")
    import torch

    if wanted == "cuda" and not torch.cuda.is_available():
        raise SettingsError("no CUDA device is available; use -device cpu")
    return ("cuda" if torch.cuda.is_available() else "cpu") if wanted == "auto" else wanted


def _train(ablation: "Ablation", arguments: argparse.Namespace, device: str) -> int:
    """Train what is not done, and return how many cells other processes work on.

    Raises the failures of cells, after the table of all that are done was written.
    """
    from nnunetv2.ablation.ablation import run_cells
    from s1.cpus import threads_per_worker, usable_cpus

    jobs = usable_cpus() if arguments.jobs is None else arguments.jobs
    if jobs < 0:
        raise ArgumentError(f"--jobs {jobs}: expected 0 or more")
    elsewhere, failures = run_cells(ablation, jobs, device, threads_per_worker(jobs))
    if failures:
        _write_table(ablation)
        raise failures[0] if len(failures) == 1 else CasesFailedError(failures)
    if elsewhere:
        print(f"other processes work on {elsewhere} cells; once they are done, write the table with --table_only")
    return elsewhere


def _write_table(ablation: "Ablation") -> bool:
    """Write and print the table; return whether there is anything to write."""
    from nnunetv2.ablation.ablation import table_rows
    from nnunetv2.ablation.distance_report import as_csv_files, pair_studies
    from nnunetv2.ablation.report import as_csv, as_html, as_markdown
    from nnunetv2.paths import nnUNet_raw
    from s1.files import write_together

    rows = table_rows(ablation)
    if not rows:
        return False
    raw = nnUNet_raw.get()
    studies = pair_studies(ablation, Path(raw) / ablation.dataset if raw else None)
    markdown = as_markdown(ablation, rows, studies)
    name = f"{ablation.protocol.value}_{ablation.configuration}"
    contents = {f"{name}.csv": as_csv(rows), f"{name}.md": markdown, f"{name}.html": as_html(ablation, rows, studies)}
    contents |= {f"{name}_{ending}": text for ending, text in as_csv_files(studies).items()}
    write_together(ablation.root, {file: text.encode() for file, text in contents.items()})
    print(markdown)
    print(f"written to {ablation.root}: {', '.join(contents)}")
    return True
