"""dataset.json names the ending of images; whoever looks for labels or predictions asks `label_ending`."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OF_IMAGES = {
    "experiment_planning/dataset_checks.py",
    "experiment_planning/dataset_fingerprint/fingerprint_extractor.py",
    "experiment_planning/verify_dataset_integrity.py",
    "imageio/reader_writer_registry.py",
    "inference/predict_folder.py",
    "inference/predict_from_raw_data.py",
    "inference/onnx_export.py",
    "model_container/algorithm.py",
    "utilities/utils.py",
}
_PLAIN = re.compile(r"^(?!.*label_ending\().*\[[\"']file_ending[\"']\]", re.MULTILINE)


def test_only_those_who_read_images_take_the_ending_as_it_is() -> None:
    files = {str(file.relative_to(ROOT / "s2s3")): file for file in (ROOT / "s2s3").rglob("*.py")}
    assert {name for name, file in files.items() if _PLAIN.search(file.read_text())} == OF_IMAGES
