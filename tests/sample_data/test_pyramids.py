"""Synthetic pyramids: small files of any size, with known pixels, labels and damage."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from sample_data.pyramids import Damage, PyramidSettings, write_pyramid

SETTINGS = {"width": 1500, "height": 1100, "block_px": 512, "drawn_px": 128, "tile_px": 128}


def test_levels_show_the_same_slide_at_half_the_size(tmp_path: Path) -> None:
    slide = write_pyramid(tmp_path / "a.tif", PyramidSettings(**SETTINGS))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        levels = [level.asarray() for level in file.series[0].levels]
    assert [level.shape for level in levels] == [(1100, 1500, 3), (550, 750, 3)]
    halved = levels[0].reshape(550, 2, 750, 2, 3).mean((1, 3))
    assert np.abs(halved - levels[1]).mean() < 3
    drawn = slide.pixels(0, 0, 1500, 1100)
    assert np.abs(drawn.astype(int) - levels[0]).mean() < 4


def test_labels_are_those_of_the_drawn_tissue(tmp_path: Path) -> None:
    slide = write_pyramid(tmp_path / "a.tif", PyramidSettings(**SETTINGS))
    labels = slide.labels(0, 0, 1500, 1100)
    assert set(np.unique(labels)) == {0, 1, 2}
    pixels = slide.pixels(0, 0, 1500, 1100).mean(2)
    assert pixels[labels == 0].mean() > 220 > pixels[labels > 0].mean()
    np.testing.assert_array_equal(slide.labels(700, 500, 90, 40), labels[500:540, 700:790])
    glass = slide.blocks.repeat(512, 0).repeat(512, 1)[:1100, :1500] == 0
    assert not labels[glass].any()


def test_a_slide_of_eight_thousand_megapixels_is_a_small_file(tmp_path: Path) -> None:
    """Tiles are encoded once for each content; without that, this would take minutes and gigabytes."""
    path = tmp_path / "large.tif"
    write_pyramid(path, PyramidSettings(100_000, 80_000, textures=1, drawn_px=128))
    assert path.stat().st_size < 10_000_000
    with tifffile.TiffFile(path) as file:
        sizes = [level.shape[1::-1] for level in file.series[0].levels]
    assert sizes[0] == (100_000, 80_000)
    assert sizes[-1] == (781, 625)
    assert len(sizes) == 8


def test_the_same_settings_give_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    files = {}
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_pyramid(tmp_path / name, PyramidSettings(**SETTINGS, seed=seed))
        files[name] = (tmp_path / name).read_bytes()
    assert files["a"] == files["b"] != files["c"]


def test_damage_is_where_it_was_asked_for(tmp_path: Path) -> None:
    damage = Damage(zeroed_tiles=((1, 2),), missing_tiles=((3, 0),), kept_share=0.9)
    write_pyramid(tmp_path / "whole.tif", PyramidSettings(**SETTINGS))
    write_pyramid(tmp_path / "a.tif", PyramidSettings(**SETTINGS, damage=damage))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        page = file.pages[0]
        assert page.databytecounts[3] == 0
        assert page.databytecounts.count(0) == 1
        file.filehandle.seek(page.dataoffsets[2 * 12 + 1])
        zeroed = file.filehandle.read(page.databytecounts[2 * 12 + 1])
    assert not any(zeroed)
    assert (tmp_path / "a.tif").stat().st_size < (tmp_path / "whole.tif").stat().st_size


def test_smaller_levels_can_be_sub_directories(tmp_path: Path) -> None:
    write_pyramid(tmp_path / "a.tif", PyramidSettings(**SETTINGS, in_sub_directories=True))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert len(file.pages) == 1
        assert [page.imagewidth for page in file.pages[0].pages] == [750]


def test_blocks_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of twice the drawn edge"):
        PyramidSettings(100, 100, block_px=1000)
