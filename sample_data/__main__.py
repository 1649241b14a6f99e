"""`python -m sample_data`: make a synthetic multi-domain H&E dataset."""

import argparse
import sys
from pathlib import Path

from s1.environment import folder_variable


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m sample_data",
        description="Make a synthetic H&E dataset of several domains (nests, stroma, glass) in nnU-Net's layout.",
    )
    parser.add_argument("--output", type=Path, help="folder of raw datasets (default: the variable nnUNet_raw)")
    parser.add_argument("--dataset-id", type=int, default=110, help="id of the dataset (default: 110)")
    parser.add_argument("--name", default="SyntheticTissue", help="name after the id (default: SyntheticTissue)")
    parser.add_argument("--cases-per-domain", type=int, default=12, help="training tiles per domain (default: 12)")
    parser.add_argument("--held-out-per-domain", type=int, default=4, help="test tiles per domain (default: 4)")
    parser.add_argument("--size", type=int, default=256, help="height and width of a tile in pixels (default: 256)")
    parser.add_argument("--tiles-per-slide", type=int, default=3, help="tiles that share a slide (default: 3)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same files (default: 0)")
    return parser


def _raw_folder() -> Path | None:
    folder = folder_variable("nnUNet_raw").path
    return Path(folder) if folder else None


def main(argv: list[str] | None = None) -> None:
    """Run the command; an error is one line on stderr and exit code 2."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    output = arguments.output or _raw_folder()
    if output is None:
        parser.error("--output is missing and nnUNet_raw is not set")
    try:
        _make(arguments, output)
    except FileExistsError as error:
        sys.exit(_complain(f"{error.filename} already exists; remove it, or choose another --dataset-id or --name"))
    except (ValueError, OSError) as error:
        sys.exit(_complain(str(error)))


def _make(arguments: argparse.Namespace, output: Path) -> None:
    from tqdm import tqdm

    from sample_data.dataset import DatasetSettings, make_folders, plan_cases, write_case, write_descriptions

    settings = DatasetSettings(
        cases_per_domain=arguments.cases_per_domain,
        held_out_per_domain=arguments.held_out_per_domain,
        size_px=arguments.size,
        tiles_per_slide=arguments.tiles_per_slide,
        seed=arguments.seed,
    )
    cases = plan_cases(settings)
    folder = make_folders(output, arguments.dataset_id, arguments.name)
    for case in tqdm(cases, desc="drawing tissue"):
        write_case(case, settings, folder)
    write_descriptions(cases, folder)
    print(folder)


def _complain(message: str) -> int:
    sys.stderr.write(f"error: {message}\n")
    return 2


if __name__ == "__main__":
    main()
