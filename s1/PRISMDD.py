"""PRISM-DD, stage 1: how much domains differ, and how often training should draw from each (method, section 1).

python s1/PRISMDD.py -d DATASET [--output DIR]
python s1/PRISMDD.py --domain A=IMAGES[:MASKS] --domain B=IMAGES[:MASKS] ... [--output DIR]
python s1/PRISMDD.py -d DATASET --discover [K]     proposes domains where nobody wrote them down
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # run as a file: the folder that contains `s1` is not on the path
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from s1.cpus import waiting_passively
from s1.devices import choose_device
from s1.domain_comparison import compare_domains
from s1.domain_shift import DomainFeatures, PairShift, default_class_weights, difference, mixing_ratios, pair_shift
from s1.domain_sources import DomainSource, open_folders, open_raw_dataset, open_undivided_dataset, undivided
from s1.errors import DriftError, SourceError
from s1.files import describe_os_error, json_bytes, write_together
from s1.output_places import case_folder_at, input_at
from s1.prism_result import FILE_NAME, PrismResult, read_prism_result, write_prism_result

__all__ = [
    "DomainFeatures",
    "DomainSource",
    "PairShift",
    "PrismResult",
    "compare_domains",
    "default_class_weights",
    "difference",
    "main",
    "mixing_ratios",
    "open_folders",
    "open_raw_dataset",
    "pair_shift",
    "read_prism_result",
    "write_prism_result",
]


CHOOSE_NUMBER = 0
"""`--discover` without a number."""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = argparse.ArgumentParser(
        description="Measure how much domains differ and derive how often training draws from each.",
        epilog=f"Writes {FILE_NAME}, two figures and the page prism_dd.html.",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("-d", "--dataset", metavar="DATASET", help="id or name of a raw dataset with domains.json")
    source.add_argument(
        "--domain",
        action="append",
        metavar="NAME=IMAGES[:MASKS]",
        help="a domain's folder of images and, after a colon, of masks; once per domain",
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="default: with -d the folder of the dataset, else the current folder"
    )
    parser.add_argument(
        "--crop-common", action="store_true", help="crop all images to their smallest height and width, as published"
    )
    parser.add_argument(
        "--class-weights", type=_parse_weights, metavar="0=0.1,1=0.6,2=0.3", help="weight of each label (others: 1)"
    )
    parser.add_argument("--ignore-label", type=int, metavar="N", help="label of pixels to leave out")
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda or cuda:i")
    parser.add_argument(
        "--workers",
        type=_parse_count,
        metavar="N",
        help="threads that decode images (0: none; default: OMP_NUM_THREADS or the CPUs, at most 16)",
    )
    parser.add_argument(
        "--discover",
        nargs="?",
        type=_parse_number_of_domains,
        const=CHOOSE_NUMBER,
        metavar="K",
        help="propose K domains (default: as many as fit best) by the looks of the images, and measure nothing else",
    )
    parser.add_argument("--no-report", action="store_true", help=f"write {FILE_NAME} only")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command. An error in the input is printed to stderr with exit code 2, and nothing is written."""
    arguments = build_parser().parse_args(argv)
    try:
        with waiting_passively():
            sys.stdout.write(_run(arguments) if arguments.discover is None else _discover(arguments))
    except DriftError as error:
        sys.exit(_complain(str(error)))
    except OSError as error:
        sys.exit(_complain(describe_os_error(error)))
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        sys.exit(130)


def _discover(arguments: argparse.Namespace) -> str:
    """Write the proposed domains and return a summary."""
    unused = {"--crop-common": arguments.crop_common or None}
    unused |= {"--class-weights": arguments.class_weights, "--ignore-label": arguments.ignore_label}
    given = [option for option, value in unused.items() if value is not None]
    if given:
        raise SourceError(f"--discover looks at images alone and cannot be combined with {', '.join(given)}")
    from s1.discovery_command import propose_domains
    from s1.image_features import default_workers

    if arguments.dataset:
        source = open_undivided_dataset(arguments.dataset)
    else:
        source = undivided(open_folders(arguments.domain))
    output = _checked_output(arguments.output or source.folder or Path.cwd(), list(source.images.values()))
    workers = default_workers() if arguments.workers is None else arguments.workers
    return propose_domains(source, output, arguments.discover or None, workers, not arguments.no_report)


def _run(arguments: argparse.Namespace) -> str:
    """Write the result of stage 1 and return a summary."""
    from s1.domain_distances import profile_distances
    from s1.image_features import MeasureSettings, default_workers, measure_domains

    device = choose_device(arguments.device)
    source = open_raw_dataset(arguments.dataset) if arguments.dataset else open_folders(arguments.domain)
    inputs = [file for pairs in source.pairs.values() for pair in pairs for file in (pair.image, pair.mask) if file]
    output = _checked_output(arguments.output or source.folder or Path.cwd(), inputs)
    ignore_label = source.ignore_label if arguments.ignore_label is None else arguments.ignore_label
    settings = MeasureSettings(
        crop_common=arguments.crop_common,
        ignore_label=ignore_label,
        known_labels=source.known_labels(ignore_label),
        workers=default_workers() if arguments.workers is None else arguments.workers,
        device=device,
        with_pictures=not arguments.no_report,
    )
    measured = measure_domains(source.pairs, settings)
    result = compare_domains(
        {name: measurement.features() for name, measurement in measured.items()},
        arguments.class_weights or source.class_weights(),
        crop_common=arguments.crop_common,
        ignore_label=ignore_label,
        domain_file_sha256=source.domain_file_sha256,
        distances=profile_distances({name: measurement.profile for name, measurement in measured.items()}),
    )
    files = {FILE_NAME: json_bytes(result.to_dict())}
    if not arguments.no_report:
        from s1.discrepancy_report import report_files

        files |= report_files(result, measured, source.label_names or {})
    write_together(output, files)
    return _summary(result, output, list(files))


def _summary(result: PrismResult, output: Path, files: Sequence[str]) -> str:
    width = max(map(len, result.ratios))
    lines = [
        f"{name:<{width}}  {result.domains[name].images:>6} images  ratio {ratio:.4f}"
        for name, ratio in result.ratios.items()
    ]
    return "\n".join([*lines, *result.notes, f"written to {output}: {', '.join(files)}", ""])


def _checked_output(folder: Path, inputs: Sequence[Path]) -> Path:
    """Refuse a folder that cannot be written or holds the images, before hours are spent on measuring."""
    taken = case_folder_at(folder) or input_at(folder, {str(place): place for place in {f.parent for f in inputs}})
    if taken:
        raise SourceError(f"{folder}: holds images or masks ({taken}); choose another folder with --output")
    existing = next(path for path in [folder.absolute(), *folder.absolute().parents] if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise SourceError(f"{folder}: cannot be written; choose another folder with --output")
    return folder


def _parse_weights(text: str) -> dict[int, float]:
    try:
        pairs = [part.split("=") for part in text.split(",")]
        weights = {int(label): float(weight) for label, weight in pairs}
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected label=weight, separated by commas") from None
    if not all(0 <= weight < float("inf") for weight in weights.values()):
        raise argparse.ArgumentTypeError(f"{text!r}: weights must be 0 or more")
    return weights


def _parse_number_of_domains(text: str) -> int:
    number = _parse_count(text)
    if number == 0:
        raise argparse.ArgumentTypeError(f"{text!r}: expected 1 or more domains")
    return number


def _parse_count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number, 0 or more")
    return int(text)


def _complain(message: str) -> int:
    sys.stderr.write(f"error: {message}\n")
    return 2


if __name__ == "__main__":
    main()
