"""`drift start`: shows a proposal as a page and as lines, and writes the dataset when the user agrees."""

import logging
import sys
from argparse import Namespace
from pathlib import Path

from nnunetv2.dataset_conversion.convert_image_folder import Contents, convert_pairs
from nnunetv2.dataset_conversion.image_folder_labels import unusable_labels
from nnunetv2.dataset_conversion.label_arguments import named_once
from nnunetv2.dataset_conversion.target_folder import check_dataset_name
from nnunetv2.dataset_proposal.pictures import case_picture, shown_cases
from nnunetv2.dataset_proposal.proposal import FEWEST_CASES, Proposal, StartSettings, propose
from nnunetv2.dataset_proposal.summary import problem_rows, summary_lines, summary_rows
from nnunetv2.errors import DatasetError, DatasetLayoutError
from nnunetv2.foundation.files import replacing
from nnunetv2.foundation.output_guard import check_output_file, is_web_page
from nnunetv2.overlays.rendering import colour_of, rgb_to_hex
from nnunetv2.reporting.start_page import start_page
from nnunetv2.utilities.dataset_name_id_conversion import find_candidate_datasets
from s1.domain_map_makers import domain_map_of
from s1.environment import folder_variable
from s1.json_schema import escaped

_log = logging.getLogger(__name__)
_FOLDERS = ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")


def start_as_asked(arguments: Namespace) -> None:
    """Run `drift start`.

    Raises DatasetError if there are problems, after all of them were shown; then nothing is written but the page.
    """
    settings = _settings(arguments)
    page = Path(arguments.o)
    check_output_file(page, "a page of `drift start`", is_web_page, {})
    proposal = propose(settings)
    check_dataset_name(proposal.dataset_name)
    with replacing(page) as temporary:
        temporary.write_text(_page(proposal, settings.folder), encoding="utf-8")
    _log.info("\n".join([*summary_lines(proposal, settings.folder), "", f"written: {page}"]))
    if not proposal.is_usable:
        raise DatasetError(_refusal(proposal))
    missing = _missing_folders()
    if arguments.yes or (not missing and _agreed(proposal)):
        if missing:
            raise DatasetError("\n".join(missing))
        write(proposal, settings.num_processes)
    else:
        _log.info("\n".join([*missing, "Nothing is written yet. If all of this is right, run it again with --yes"]))


def _settings(arguments: Namespace) -> StartSettings:
    taken = [] if arguments.d is None else list(find_candidate_datasets(arguments.d))
    if taken:
        raise DatasetLayoutError(f"id {arguments.d} is taken by {', '.join(map(str, taken))}; choose another with -d")
    labels = named_once("--labels", arguments.labels) if arguments.labels else None
    problems = unusable_labels(labels) if labels else []
    if problems:
        raise DatasetError("\n  ".join(problems))
    return StartSettings(
        Path(arguments.folder),
        Path(arguments.m) if arguments.m else None,
        arguments.d,
        arguments.n,
        Path(arguments.csv) if arguments.csv else None,
        labels,
        named_once("--relabel", arguments.relabel),
        not arguments.no_discovery,
        arguments.skip,
        arguments.np,
    )


def _page(proposal: Proposal, folder: Path) -> str:
    pictures = {
        domain: [(case.name, case_picture(case, proposal.labels.relabel, proposal.colours)) for case in cases]
        for domain, cases in shown_cases(proposal.cases, proposal.origins.domains).items()
    }
    return start_page(
        escaped(folder), summary_rows(proposal), problem_rows(proposal.problems, folder), pictures, _legend(proposal)
    )


def _legend(proposal: Proposal) -> list[tuple[str, str]]:
    """Return (colour in the pictures, name) of each class but background."""
    labels = proposal.labels.labels
    return [(rgb_to_hex(colour_of(label)), name) for name, label in labels.items() if label]


def _refusal(proposal: Proposal) -> str:
    number = len(proposal.problems)
    can_skip = bool(proposal.cases) and not proposal.labels.problems and not proposal.origins.problems
    hint = ", or leave these files out with --skip" if can_skip else ""
    return f"{number} problem{'s' if number > 1 else ''}, see the table above; no dataset was written. Mend them{hint}"


def _missing_folders() -> list[str]:
    """Return a line for each of nnU-Net's folders that is not set."""
    return [
        f"{name} is not set: export {name}={Path.home() / 'drift' / name}"
        for name in _FOLDERS
        if folder_variable(name).path is None
    ]


def _agreed(proposal: Proposal) -> bool:
    """Ask, where somebody can answer."""
    if not sys.stdin.isatty():
        return False
    sys.stdout.write(f"Write {proposal.dataset_name}? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def write(proposal: Proposal, num_processes: int) -> None:
    """Write the dataset and say how to go on. Raises DatasetError if files changed since they were looked at."""
    origins = proposal.origins
    contents = Contents(
        proposal.dataset_name,
        {case.name: case.pair for case in proposal.cases},
        proposal.labels.labels,
        proposal.labels.relabel,
        domain_map_of(origins.domains) if origins.has_several_domains else None,
        origins.groups,
        colours=proposal.colours,
        tests=proposal.tests,
    )
    convert_pairs(contents, num_processes)
    _log.info("\n".join([f"{proposal.dataset_name} is written. Go on with", "", *_next_commands(proposal)]))


def _next_commands(proposal: Proposal) -> list[str]:
    number = int(proposal.dataset_name[len("Dataset") :].partition("_")[0])
    has_domains = proposal.origins.has_several_domains
    prism = [f"    drift prism -d {number}"] if has_domains else []
    patients = len(set(proposal.origins.groups.values())) or len(proposal.cases)
    has_own_folds = patients < FEWEST_CASES and bool(proposal.origins.groups) and has_domains
    splits = [f"    drift splits -d {number} --folds {patients}"] if has_own_folds else []
    images = f"$nnUNet_raw/{proposal.dataset_name}/imagesTs" if proposal.tests else "IMAGES"
    fold = "all" if patients < FEWEST_CASES and not has_own_folds else "0"
    return [
        *prism,
        f"    nnUNetv2_plan_and_preprocess -d {number} -c 2d --verify_dataset_integrity",
        *splits,
        f"    nnUNetv2_train {number} 2d {fold}        # add -device cpu if there is no GPU",
        f"    nnUNetv2_predict -i {images} -o PREDICTIONS -d {number} -c 2d -f {fold}",
    ]
