"""The arguments of `drift slide tile`; imports no library, so that --help answers at once."""

import argparse
from collections.abc import Callable

from nnunetv2.dataset_conversion.label_arguments import named_label

READERS = ["auto", "openslide", "tifffile", "wsidicom", "pillow"]
ICC = ["none", "srgb"]


def add_tile(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `drift slide tile`."""
    parser.description = (
        "Cut annotated slides into a raw dataset of nnU-Net. May be stopped and started again: slides that are done "
        "are skipped. Slides that cannot be used are named at the end and do not stop the others."
    )
    add = parser.add_argument
    add("-i", nargs="+", required=True, metavar="SLIDE", help="files, folders with slides, or a CSV of slides")
    add("-d", required=True, type=int, metavar="ID", help="id of the new dataset")
    add("-n", required=True, metavar="NAME", help="name of the new dataset, without Dataset and id")
    add("--mpp", required=True, type=float, metavar="UM", help="micrometres per pixel of the tiles")
    _add_annotations(parser)
    _add_choice(parser)
    _add_dataset(parser)
    _add_reading(parser)
    add("-np", type=int, default=2, metavar="N", help="processes; 0: in this one (default 2)")
    add("--overwrite", action="store_true", help="cut slides anew that were cut with other settings")
    add("--disable_progress_bar", action="store_true", help="hide the progress bar")


def _add_annotations(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("annotations").add_argument
    add("-a", metavar="FOLDER", help="of x.geojson(.gz), x.json, x.xml (ASAP) or x_mask.tif for slide x (default: -i)")
    add("--annotation_suffix", metavar="TEXT", help="what follows a slide's name instead, for example _qupath.geojson")
    add(
        "--labels",
        nargs="+",
        type=named_label,
        metavar="NAME=VALUE",
        help="in the order of drawing, later over earlier (default: classes found, alphabetically, from 1)",
    )
    add_renaming(add, "rename or merge classes, or values of masks; FOUND= leaves a class out")
    add("--roi", metavar="CLASS", help="class of the regions in which everything is annotated")
    add("--unannotated", choices=["background", "ignore", "skip"], help="other pixels (default: ignore with --roi)")
    add("--exclude", nargs="*", metavar="GROUP", help="groups of ASAP to cut out (default: Exclusion Hole exclude)")
    add("--frame", default="content", choices=["content", "file"], help="of GeoJSON (default: as QuPath shows slides)")


def _add_choice(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("choice of tiles").add_argument
    add("--tile", type=int, default=1024, metavar="PX", help="edge of a tile (default 1024)")
    add("--stride", type=int, metavar="PX", help="distance between tiles (default: as --tile)")
    add("--min_tissue", type=float, default=0.1, metavar="SHARE", help="least share of tissue (default 0.1)")
    add("--min_labelled", type=float, default=0.01, metavar="SHARE", help="least share not ignored (default 0.01)")
    add("--background_share", type=float, default=0.25, metavar="SHARE", help="tiles without foreground (default 0.25)")
    add("--max_tiles", type=int, metavar="N", help="of each slide, spread evenly over it (default: all)")
    add(
        "--tissue",
        default="auto",
        metavar="WHERE",
        help="auto (default), none: everywhere, or areas in a file or folder",
    )
    add("--stain", default="he", choices=["he", "any"], help="any: do not tell blue and green pens from tissue")
    add("--seed", type=int, default=0, help="of the random choice among tiles without foreground (default 0)")


def _add_dataset(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("dataset").add_argument
    add("--channels", default="rgb", choices=["rgb", "rgb01"], help="rgb: z-scores (default); rgb01: values / 255")
    add(
        "--domain_from",
        metavar="SOURCE",
        help="scanner, serial, tss (TCGA), csv, pattern:REGEX with (?P<domain>...) (default: csv if the table has it)",
    )
    add(
        "--groups_from",
        default="slide",
        metavar="SOURCE",
        help="slide (default), tcga (patient), csv, pattern:REGEX with (?P<group>...)",
    )


def _add_reading(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("slides")
    add_slide_opening(group)
    add = group.add_argument
    add("--table", "--mpp_of", metavar="CSV", help="table with the column slide and any of group, domain, mpp")
    add("--allow_upsampling", action="store_true", help="enlarge slides that are much coarser than --mpp")
    add("--icc", default="none", choices=ICC, help="srgb: convert colours by the slides' profiles (default: as stored)")


def add_slide_opening(parser: argparse._ActionsContainer) -> None:
    """Add how slides are opened, the same in all sub-commands, to a parser or a group of its arguments."""
    add = parser.add_argument
    add("--reader", default="auto", choices=READERS, help="library that reads the slides (default: by their content)")
    add("--slide_mpp", type=float, metavar="UM", help="micrometres per pixel of the slides, instead of what they state")
    add(
        "--read_timeout",
        type=float,
        default=60.0,
        metavar="S",
        help="seconds that listing a folder, opening a slide, or reading one block, may take (default: 60)",
    )


def add_renaming(add: Callable[..., object], purpose: str) -> None:
    """Add --map, whose help is `purpose`, by the `add_argument` of a parser or a group."""
    add("--map", nargs="+", type=renaming, default=[], metavar="FOUND=NAME", help=purpose)


def renaming(text: str) -> tuple[str, str]:
    """Return both names of `tumour=Tumor`. Raises ArgumentTypeError for other texts."""
    found, separator, name = text.rpartition("=")
    if not separator or not found:
        raise argparse.ArgumentTypeError(f"{text!r}: expected FOUND=NAME, for example tumour=Tumor")
    return found, name
