"""The command line of `drift slide`; imports no library, so that --help answers at once."""

import argparse

from nnunetv2.run.slide_tiling_arguments import add_slide_opening, add_tile


def slide_parser() -> argparse.ArgumentParser:
    """Return the parser of `drift slide`; its result names the sub-command in `what`."""
    parser = argparse.ArgumentParser(description="Work on whole slides.")
    commands = parser.add_subparsers(dest="what", required=True, metavar="COMMAND")
    _add_info(commands.add_parser("info", help="show sizes, pixel size and scanner; find damaged parts"))
    add_tile(commands.add_parser("tile", help="cut annotated slides into a dataset for training"))
    _add_predict(commands.add_parser("predict", help="predict slides: labels, objects for QuPath, overlay, numbers"))
    _add_export(commands.add_parser("export", help="make other files of predicted slides, without predicting again"))
    _add_report(commands.add_parser("report", help="write the page about predicted slides: pictures, areas, problems"))
    _add_status(commands.add_parser("status", help="show how far slides are, and who works on them"))
    return parser


def _add_status(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Show how far the slides of an output folder are, on whatever computers they are predicted: state, attempts, "
        "who has them, how fast they end, and the time to go."
    )
    parser.add_argument("-o", required=True, metavar="FOLDER", help="output folder of drift slide predict")
    parser.add_argument("--json", action="store_true", help="print a list for programs instead of a table")
    parser.add_argument("--release", action="store_true", help="free slides whose process is gone")


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Make the files of predicted slides anew from their labels.ome.tif: other classes, other outlines, other "
        "formats. With the same options they are those of drift slide predict, byte for byte."
    )
    add = parser.add_argument
    add("-i", nargs="+", required=True, metavar="FOLDER", help="folders of slides, or output folders with many")
    add(
        "--save",
        nargs="+",
        default=["geojson"],
        choices=["geojson", "overlay", "zarr"],
        help="outputs (default geojson)",
    )
    _add_export_settings(parser)


def _add_export_settings(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--classes", nargs="+", metavar="CLASS", help="that outlines and overlay show (default: all but background)")
    add("--simplify", type=float, metavar="UM", help="how far outlines may lie from pixel edges (default one pixel)")
    add("--min_area", type=float, metavar="UM2", help="smallest object and hole in outlines (default ten pixels)")
    add(
        "--objects",
        default="auto",
        choices=["auto", "annotation", "detection"],
        help="as which QuPath shows outlines (auto: as detections if they are more than 2,000)",
    )
    add("--ratio", nargs="+", default=[], metavar="A/B", help="ratios of areas to measure, such as Tumor/Stroma")


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Write report.html into a folder of predicted slides: one file with a picture of each slide, its areas, and "
        "what is wrong with it, worst first. drift slide predict writes it too."
    )
    parser.add_argument("-o", required=True, metavar="FOLDER", help="output folder of drift slide predict")


def _add_info(parser: argparse.ArgumentParser) -> None:
    parser.description = "Show what slides are: size, levels, pixel size, scanner, and what is wrong with them."
    parser.add_argument("slides", nargs="+", metavar="SLIDE", help="files, folders with slides, or a CSV of slides")
    parser.add_argument("--check", action="store_true", help="read every part of the finest level and list bad ones")
    parser.add_argument("--json", action="store_true", help="print a list for programs instead of text")
    add_reading(parser)


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add how slides are read, the same in all sub-commands."""
    add_slide_opening(parser)
    parser.add_argument("--mpp_of", metavar="CSV", help="table with the columns slide,mpp")
    parser.add_argument(
        "-nr", type=int, metavar="READERS", help="processes that read (default: CPUs - 1, at most 4; 0: in this one)"
    )
    parser.add_argument(
        "--read_timeout", type=float, default=60.0, metavar="S", help="seconds one block may take (default: 60)"
    )


def _add_predict(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Predict whole slides with any 2D model of nnU-Net v2. May be stopped and started again: slides that are done "
        "are skipped, and a slide goes on at the band where it was."
    )
    add = parser.add_argument
    add("-i", nargs="+", required=True, metavar="SLIDE", help="files, folders with slides, or a CSV of slides")
    add("-o", required=True, metavar="FOLDER", help="output folder; each slide gets a folder in it")
    _add_model(parser)
    _add_what_is_predicted(parser)
    add("-step_size", type=float, default=0.5, help="distance between tiles as a fraction of a tile (default 0.5)")
    add("--tta", action="store_true", help="average over mirrored tiles: four times the work")
    add("-b", type=int, metavar="TILES", help="tiles at once (default: 1 on the CPU, 8 on a GPU)")
    add("-device", choices=["cuda", "cpu", "mps"], help="default: cuda if there is a GPU, otherwise cpu")
    add("--memory", type=float, default=1.5, metavar="GB", help="for sums and pixels of a slide (default 1.5)")
    add(
        "--save",
        nargs="*",
        default=["labels", "geojson", "overlay"],
        metavar="WHAT",
        help="out of labels, geojson, overlay, probabilities, zarr (default: the first three)",
    )
    add(
        "--probability_mpp",
        type=float,
        metavar="UM",
        help="pixels of probabilities, rounded to the model's times a power of 2 (default: four times the model's)",
    )
    _add_export_settings(parser)
    add("--overwrite", action="store_true", help="predict slides anew that are done, or were begun differently")
    add("--retry_failed", action="store_true", help="try slides again that failed before, three times in all")
    _add_sharing(parser)
    add("--disable_progress_bar", action="store_true", help="hide progress bars")
    add_reading(parser)


def _add_sharing(parser: argparse.ArgumentParser) -> None:
    """Add how slides are shared among processes; those with the same output folder share them without any of it."""
    add = parser.add_argument
    add("--num_parts", type=int, default=1, metavar="N", help="of so many parts of the list, predict one only")
    add("--part_id", type=int, default=0, metavar="I", help="which one, 0 to N - 1")
    add("--devices", nargs="+", type=int, metavar="GPU", help="a process on each; with -device cpu, so many processes")
    add("--engine", default="none", choices=["none", "slurm"], help="slurm: in jobs of a cluster (needs submitit)")
    add("--jobs", type=int, default=1, metavar="N", help="of the cluster (default 1)")
    add("--slurm", nargs="+", default=[], metavar="K=V", help="their options: partition=gpu time=240 mem_gb=32")


def _add_model(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("-m", metavar="FOLDER", help="folder of a trained model, ours or nnU-Net's")
    add("-d", metavar="DATASET", help="id or name of the dataset of a model in nnUNet_results, instead of -m")
    add("-p", default="nnUNetPlans", help="its plans (default nnUNetPlans)")
    add("-tr", default="nnUNetTrainer", help="its trainer (default nnUNetTrainer)")
    add("-c", default="2d", help="its configuration (default 2d)")
    add("-f", nargs="+", metavar="FOLD", help="folds, or all (default: all numbered folds)")
    add("-chk", default="checkpoint_final.pth", help="name of the checkpoint (default checkpoint_final.pth)")


def _add_what_is_predicted(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--mpp", type=float, metavar="UM", help="micrometres per pixel of the model (default: as dataset.json says)")
    add("--allow_upsampling", action="store_true", help="enlarge slides that are much coarser than the model")
    add(
        "--tissue",
        default="auto",
        metavar="WHERE",
        help="auto (default): on tissue; none: everywhere; or a file or folder of areas",
    )
    add("--roi", metavar="FILE", help="regions to predict: GeoJSON or mask, or a folder of files named like the slides")
    add("--stain", default="he", choices=["he", "any"], help="any: do not tell blue and green pens from tissue")
    add("--margin", type=float, default=32.0, metavar="UM", help="around tissue (default 32)")
    modes = "slide, image, window, dataset, or values:m1,m2,m3/s1,s2,s3"
    add("--normalization", default="slide", metavar="MODE", help=modes)
    add("--keep_partial", action="store_true", help="predict slides above that to their end, though they fail")
    add("--max_failed", type=float, default=0.01, metavar="SHARE", help="of the tissue that may be unreadable (0.01)")
