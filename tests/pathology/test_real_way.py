"""Real slides with annotations through all commands: tile, plan, train a little, predict, export.

The scores tell that pixel sizes, labels and frames fit, not how good a network is.
"""

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import shapely
import tifffile
from PIL import Image
from shapely import affinity

from nnunetv2.pathology import open_slide
from sample_data.small_plans import CONFIGURATION, add_demo_configuration
from tests.conftest import make_folders
from tests.pathology.qupath_rules import broken_rules
from tests.pipeline.factories import Workspace

pytestmark = [pytest.mark.real, pytest.mark.slow]

TRAINER, DATASET = "nnUNetTrainerDemo", "Dataset122_Real"
MPP, TILE_PX, LONGEST_S = 2.0, 128, 3000.0
LEAST_GAIN, LARGEST_LOSS = 0.05, 0.15
"""Of the Dice of outlines: over the same ones mirrored at the middle of the region, and under that of nnU-Net's own
validation, on the tiles that the network was trained on."""
CLASSES = {"Tumor": 1, "Epidermis": 2}
SKIN, NODE = "cmu_1_small_region", "mosaic_node"
ROI = [(400, 1340), (2000, 1340), (2000, 2960), (400, 2960)]
# fmt: off
EPIDERMIS = [
    [
        (1200, 1200), (1200, 1600), (1330, 1840), (1490, 1630), (1700, 1390), (1790, 1330), (1780, 1460), (1630, 1600),
        (1410, 1890), (1345, 2210), (1255, 2370), (1170, 2350), (1110, 2265), (1095, 1920), (1055, 1490), (1145, 1330),
    ],
    [
        (1065, 1600), (960, 1710), (850, 2080), (795, 2400), (585, 2745), (570, 2960), (660, 2960), (715, 2830),
        (815, 2695), (825, 2455), (905, 2215), (920, 1975), (1010, 1735),
    ],
    [(1720, 2280), (1760, 2375), (1705, 2615), (1690, 2960), (1550, 2960), (1550, 2670), (1600, 2480)],
    [(1400, 2830), (1455, 2815), (1440, 2960), (1400, 2960)],
]
"""Drawn by eye on the slide of skin, in pixels of its finest level."""
# fmt: on


def write_annotation(file: Path) -> None:
    """Write what is epidermis in one area of the slide of skin, as QuPath does."""
    areas = [("ROI", ROI), *(("Epidermis", ring) for ring in EPIDERMIS)]
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
            "properties": {"objectType": "annotation", "classification": {"name": name, "color": [1, 2, 3]}},
        }
        for name, ring in areas
    ]
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def must(job: Workspace, command: str, *words: object) -> str:
    done = job.run(command, *words, timeout=LONGEST_S)
    assert done.code == 0, done.errors
    return done.out


@pytest.fixture(scope="module")
def output(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of predictions, after all commands."""
    root = tmp_path_factory.mktemp("real_way")
    trainers = Path(__file__).parents[2] / "sample_data/demo_trainer"
    job = Workspace(make_folders(root), {"nnUNet_extTrainer": str(trainers), "DRIFT_SEED": "1"})
    (root / "slides").mkdir()
    for name in (f"{SKIN}.svs", f"{NODE}.tif"):
        shutil.copy(real_data / "wsi" / name, root / "slides")
    (root / "annotations").mkdir()
    shutil.copy(real_data / "wsi/mosaic_node_qupath.geojson", root / f"annotations/{NODE}.geojson")
    write_annotation(root / f"annotations/{SKIN}.geojson")
    labels = ("--labels", "background=0", *(f"{name}={value}" for name, value in CLASSES.items()), "--map", "Necrosis=")
    named = ("-d", 122, "-n", "Real", "--mpp", MPP, "--tile", TILE_PX, "--roi", "ROI", *labels, "-np", 0)
    must(job, "drift", "slide", "tile", "-i", root / "slides", "-a", root / "annotations", *named)
    checks = ("--verify_dataset_integrity", "-np", 0, "-npfp", 0, "--no_pbar")
    must(job, "nnUNetv2_plan_and_preprocess", "-d", 122, "-c", "2d", *checks)
    add_demo_configuration(job.folders.preprocessed / DATASET / "nnUNetPlans.json")
    must(job, "nnUNetv2_train", 122, CONFIGURATION, "all", "-tr", TRAINER, "-device", "cpu")
    model = ("-d", 122, "-c", CONFIGURATION, "-f", "all", "-tr", TRAINER, "-device", "cpu")
    must(job, "drift", "slide", "predict", "-i", root / "slides", "-o", root / "out", *model, "-nr", 1)
    predicted = {file: file.read_bytes() for file in (root / "out").glob("*/objects.geojson.gz")}
    must(job, "drift", "slide", "export", "-i", root / "out", "--save", "geojson", "overlay")
    assert {file: file.read_bytes() for file in predicted} == predicted
    return root / "out"


def annotated(real_data: Path, name: str) -> tuple[shapely.Geometry, shapely.Geometry]:
    """Return what is annotated with the class of a slide, and where the annotation is complete."""
    if name == SKIN:
        return shapely.union_all([shapely.Polygon(ring) for ring in EPIDERMIS]), shapely.Polygon(ROI)
    found = json.loads((real_data / "wsi/mosaic_node_qupath.geojson").read_text())
    features = found["features"] if isinstance(found, dict) else found
    shapes: dict[str, list[shapely.Geometry]] = {}
    for feature in features:
        geometry = shapely.make_valid(shapely.from_geojson(json.dumps(feature["geometry"])))
        shapes.setdefault(feature["properties"]["classification"]["name"], []).append(geometry)
    return shapely.union_all(shapes["Tumor"]), shapely.union_all(shapes["ROI"])


@pytest.mark.parametrize(("name", "class_name"), [(SKIN, "Epidermis"), (NODE, "Tumor")])
def test_objects_lie_where_they_are_annotated(real_data: Path, output: Path, name: str, class_name: str) -> None:
    file = output / name / "objects.geojson.gz"
    assert broken_rules(file) == []
    features = json.loads(gzip.decompress(file.read_bytes()))["features"]
    true, region = annotated(real_data, name)
    objects = [
        shapely.from_geojson(json.dumps(feature["geometry"]))
        for feature in features
        if feature["properties"]["classification"]["name"] == class_name
    ]
    predicted, true = shapely.union_all(objects) & region, true & region
    mirrored = [affinity.scale(predicted, *factors, origin=region.centroid) for factors in ((-1, 1), (1, -1), (-1, -1))]
    found, elsewhere = dice(predicted, true), [dice(shape, true) for shape in mirrored]
    assert found > max(elsewhere) + LEAST_GAIN, f"{class_name}: Dice {found:.3f}, mirrored {elsewhere}"
    assert found > validation_dice(output.parent, name, CLASSES[class_name]) - LARGEST_LOSS, (
        f"{class_name}: {found:.3f}"
    )


def validation_dice(root: Path, name: str, label: int) -> float:
    """Return the Dice of a class in all tiles of a slide together."""
    (file,) = (root / "nnUNet_results" / DATASET).glob("*/fold_all/validation/summary.json")
    cases = json.loads(file.read_text())["metric_per_case"]
    found = [case["metrics"][str(label)] for case in cases if Path(case["prediction_file"]).name.startswith(name)]
    assert found
    true, false = (sum(entry[key] for entry in found for key in keys) for keys in (("TP",), ("FP", "FN")))
    return float(2 * true / (2 * true + false))


def dice(one: shapely.Geometry, other: shapely.Geometry) -> float:
    return float(2 * (one & other).area / (one.area + other.area))


@pytest.mark.parametrize("name", [SKIN, NODE])
def test_labels_have_the_size_and_pixel_size_of_the_view_and_pictures_show_them(
    real_data: Path, output: Path, name: str
) -> None:
    (path,) = (real_data / "wsi").glob(f"{name}.*[sf]")
    with open_slide(path) as slide:
        grid = slide.view(mpp=MPP).grid
    labels = tifffile.imread(output / name / "labels.ome.tif")
    assert labels.shape == (grid.height, grid.width)
    state = json.loads((output / name / "state.json").read_text())
    assert state["state"] == "done"
    assert state["view"]["mpp"] == pytest.approx([MPP, MPP], rel=0.02)
    areas = {
        entry["name"]: entry["area_mm2"]
        for entry in json.loads((output / name / "measurements.json").read_text())["classes"]
    }
    mm2 = np.prod(state["view"]["mpp"]) / 1e6
    assert areas == {key: pytest.approx((labels == value).sum() * mm2) for key, value in CLASSES.items()}
    overlay, plain = (np.asarray(Image.open(output / name / f"{kind}.png")) for kind in ("overlay", "thumbnail"))
    assert overlay.shape[1:] == plain.shape[1:]
    assert (overlay[: len(plain)] != plain).any()  # below it is the legend
