"""What is kept of the damage of a slide: by whom it was noted, and where missing parts count."""

import json
from pathlib import Path

import numpy as np

from nnunetv2.pathology.prediction.slide_damage import SlideDamage
from nnunetv2.pathology.prediction.tile_gate import TileGate
from nnunetv2.pathology.slides.geometry import Box, Level, PixelSize, view_grid
from nnunetv2.pathology.slides.slide_block import Block, PixelState
from nnunetv2.pathology.tissue.slide_tissue import TissueMask


def test_lines_of_the_first_version_count_when_a_run_goes_on(tmp_path: Path) -> None:
    counts = {"blocks": 1, "failed": 1, "rescued": 0, "pixels": 100, "missing_pixels": 20, "failed_pixels": 50}
    part = [0, 0, 10, 5, int(PixelState.FAILED), "Not a JPEG file"]
    (tmp_path / "read.jsonl").write_text(json.dumps({"x": 0, "y": 0, **counts, "damaged": [part]}) + "\n")
    damage = SlideDamage(None, tmp_path / "read.jsonl")
    damage.resume()
    read = damage.to_dict()
    assert (read["failed_tissue_share"], read["missing_share"], read["unread"]) == (0.5, 0.2, [[0, 0, 10, 5]])


def test_glass_without_bytes_beside_the_tissue_is_no_damage_within_its_margin(tmp_path: Path) -> None:
    grid = view_grid([Level(0, 64, 64, 1.0)], PixelSize(1.0, 1.0, "user"), 1.0)
    mask = np.zeros((64, 64), bool)
    mask[:, :32] = True
    tissue = TissueMask(mask, (1.0, 1.0), (1.0, 1.0))
    state = np.zeros((64, 64), np.uint8)
    state[:10, 28:40] = PixelState.MISSING  # 4 columns of tissue and 8 of its margin
    block = Block(Box(0, 0, 64, 64), np.zeros((64, 64, 3), np.uint8), state)
    damage = SlideDamage(TileGate(tissue.with_margin(16), grid), tmp_path / "read.jsonl", True, TileGate(tissue, grid))
    damage.add(block)
    assert damage.record.pixels > 64 * 40
    assert (damage.record.missing_pixels, list(damage.unread())) == (40, [Box(28, 0, 4, 10)])
