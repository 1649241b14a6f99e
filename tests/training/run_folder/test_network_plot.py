"""The picture of the planned network."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from nnunetv2.training.run_folder.network_plot import (
    FILE_NAME,
    NetworkStage,
    caption_network,
    draw_network,
    planned_stages,
    plot_network,
)

PLAIN: dict[str, Any] = {
    "n_stages": 3,
    "features_per_stage": [8, 16, 32],
    "strides": [[1, 1], [2, 2], [2, 4]],
    "kernel_sizes": [[3, 3], [3, 3], [1, 3]],
    "n_conv_per_stage": [2, 1, 2],
    "n_conv_per_stage_decoder": [2, 1],
}
CAPTIONS = caption_network("PlainConvUNet", "2d", [64, 64], 6, 3, 1)


def texts_of(picture: str) -> list[str]:
    """Parse the picture, which must be valid XML, and return the words in it."""
    return [element.text or "" for element in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]


def test_a_stage_has_the_size_the_features_and_the_work_that_the_plans_say() -> None:
    assert planned_stages([64, 64], PLAIN) == [
        NetworkStage((64, 64), 8, (1, 1), "2 convolutions 3 x 3", "2 convolutions 3 x 3"),
        NetworkStage((32, 32), 16, (2, 2), "1 convolution 3 x 3", "1 convolution 3 x 3"),
        NetworkStage((16, 8), 32, (2, 4), "2 convolutions 1 x 3", ""),
    ]


def test_residual_encoders_and_single_numbers_for_all_stages_are_understood() -> None:
    arguments = {key: value for key, value in PLAIN.items() if key != "n_conv_per_stage"} | {"n_blocks_per_stage": 3}
    arguments |= {"kernel_sizes": 3, "strides": [1, 2, 2], "n_conv_per_stage_decoder": 1}
    stages = planned_stages([8, 8, 8], arguments)
    assert [stage.shape for stage in stages] == [(8, 8, 8), (4, 4, 4), (2, 2, 2)]
    assert stages[0].encoder == "3 residual blocks 3 x 3 x 3"


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {**PLAIN, "n_stages": 2},
        {**PLAIN, "features_per_stage": None},
        {**PLAIN, "strides": [[1, 1], [0, 0], [2, 2]]},
        {**PLAIN, "strides": [[1, 1, 1], [2, 2, 2], [2, 2, 2]]},
        {**PLAIN, "n_conv_per_stage": "many"},
    ],
)
def test_a_network_that_is_no_such_u_has_no_stages_and_no_picture(arguments: dict[str, Any], tmp_path: Path) -> None:
    stages = planned_stages([64, 64], arguments)
    assert stages == []
    plot_network(stages, CAPTIONS, str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_the_picture_shows_every_stage_twice_but_the_lowest_and_both_ends(tmp_path: Path) -> None:
    plot_network(planned_stages([64, 64], PLAIN), CAPTIONS, str(tmp_path))

    words = texts_of((tmp_path / FILE_NAME).read_text(encoding="utf-8"))

    sizes = ("8 features, 64 x 64", "16 features, 32 x 32", "32 features, 16 x 8")
    assert [words.count(size) for size in sizes] == [2, 2, 1]
    assert {"reduce 2 x 4", "enlarge 2 x 4", "image: 3 channels, 64 x 64", "result: 1 channel, 64 x 64"} <= set(words)
    assert "PlainConvUNet of the configuration 2d" in words


def test_names_from_files_stay_text() -> None:
    captions = caption_network("Net", "<script>&", [64, 64], 6, 3, 1)
    assert "Net of the configuration <script>&" in texts_of(draw_network(planned_stages([64, 64], PLAIN), captions))
