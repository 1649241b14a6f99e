"""Draws a U-Net as planned: its stages as a U, encoder on the left, decoder on the right, in an SVG file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from os.path import join
from typing import Any

from nnunetv2.foundation.files import replacing

FILE_NAME = "network_architecture.svg"
WIDTH, MARGIN, TOP = 940, 24, 116
BOX, HEIGHT, ROW = 260, 48, 84
CENTRE_GAP = 36
STYLE = (
    "text{font-family:Helvetica,Arial,sans-serif;fill:#222}.title{font-size:18px;font-weight:bold}"
    ".note{font-size:12px;fill:#555}.size{font-size:14px;font-weight:bold}rect{stroke-width:1.2}"
    ".encoder{fill:#dbe8f5;stroke:#4a7fb5}.decoder{fill:#e0f0dd;stroke:#5b9a55}.lowest{fill:#eee3f4;stroke:#8a63a6}"
    ".way{stroke:#555;stroke-width:1.6;marker-end:url(#tip)}.skip{stroke:#888;stroke-width:1.4;stroke-dasharray:5 4;"
    "marker-end:url(#tip)}"
)
TIP = (
    '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0 L10 5 L0 10 z" fill="#555"/></marker></defs>'
)


@dataclass(frozen=True)
class NetworkStage:
    """One resolution of the network."""

    shape: tuple[int, ...]
    """Of the feature maps, in pixels or voxels."""
    features: int
    stride: tuple[int, ...]
    """Reduction of each axis on the way into the encoder's stage."""
    encoder: str
    """What the encoder does, for example "2 convolutions 3 x 3"."""
    decoder: str
    """The same for the decoder; empty for the lowest stage, which has none."""


@dataclass(frozen=True)
class Captions:
    """The words around the stages."""

    title: str
    note: str
    input: str
    output: str


def planned_stages(patch_size: Sequence[int], arguments: Mapping[str, Any]) -> list[NetworkStage]:
    """Return the stages of a U-Net from its arguments in plans.json, the finest first; [] for other networks.

    Parameters:
        patch_size: (x, y) or (x, y, z).
        arguments: those of PlainConvUNet or ResidualEncoderUNet and their relatives.
    """
    try:
        return list(_stages(tuple(patch_size), arguments))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return []


def _stages(shape: tuple[int, ...], arguments: Mapping[str, Any]) -> Iterator[NetworkStage]:
    count, axes = arguments["n_stages"], len(shape)
    block = "residual block" if "n_blocks_per_stage" in arguments else "convolution"
    blocks = arguments["n_blocks_per_stage" if block == "residual block" else "n_conv_per_stage"]
    columns = (
        _per_stage(arguments["features_per_stage"], count),
        [_per_axis(stride, axes) for stride in _per_stage(arguments["strides"], count)],
        [_by(_per_axis(kernel, axes)) for kernel in _per_stage(arguments["kernel_sizes"], count)],
        _per_stage(blocks, count),
        [*_per_stage(arguments["n_conv_per_stage_decoder"], count - 1), None],
    )
    for features, stride, kernel, in_encoder, in_decoder in zip(*columns, strict=True):
        shape = tuple(length // step for length, step in zip(shape, stride, strict=True))
        decoder = "" if in_decoder is None else f"{_counted(in_decoder, 'convolution')} {kernel}"
        yield NetworkStage(shape, int(features), stride, f"{_counted(in_encoder, block)} {kernel}", decoder)


def _per_stage(value: Any, count: int) -> list[Any]:
    values = [value] * count if isinstance(value, int) else list(value)
    if len(values) != count:
        raise ValueError(f"{len(values)} values for {count} stages")
    return values


def _per_axis(value: Any, axes: int) -> tuple[int, ...]:
    return (value,) * axes if isinstance(value, int) else tuple(int(number) for number in value)


def _by(numbers: Sequence[int]) -> str:
    return " x ".join(map(str, numbers))


def _counted(number: int, name: str) -> str:
    return f"{int(number)} {name}{'' if number == 1 else 's'}"


def draw_network(stages: Sequence[NetworkStage], captions: Captions) -> str:
    """Return the picture as SVG; `stages` has two stages or more, the finest first."""
    height = TOP + ROW * len(stages)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">',
        f'<style>{STYLE}</style>{TIP}<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        _text(MARGIN, 34, captions.title, "title"),
        _text(MARGIN, 54, captions.note, "note"),
        *_ends(len(stages), captions),
    ]
    for level in range(len(stages)):
        parts += _row(level, stages)
    return "\n".join([*parts, "</svg>", ""])


def _ends(count: int, captions: Captions) -> Iterator[str]:
    """Draw the arrows of input and output at the finest stage."""
    left, right = (x + BOX / 2 for x in _columns(0, count))
    yield _arrow(left, TOP - 22, left, TOP)
    yield _text(left, TOP - 28, captions.input, "note", "middle")
    yield _arrow(right, TOP, right, TOP - 22)
    yield _text(right, TOP - 28, captions.output, "note", "middle")


def _columns(level: int, count: int) -> tuple[float, float]:
    """Return the left edges of the encoder's and the decoder's box; the lowest stage has one box in the middle."""
    if level == count - 1:
        return (WIDTH - BOX) / 2, (WIDTH - BOX) / 2
    innermost = (WIDTH - CENTRE_GAP) / 2 - BOX
    left = MARGIN + (innermost - MARGIN) * level / max(1, count - 2)
    return left, WIDTH - left - BOX


def _row(level: int, stages: Sequence[NetworkStage]) -> Iterator[str]:
    """Draw the boxes of a stage, the skip connection between them, and the ways to the next stage."""
    stage, count = stages[level], len(stages)
    left, right = _columns(level, count)
    top = TOP + ROW * level
    if level == count - 1:
        yield from _box(left, top, "lowest", stage, stage.encoder)
        return
    yield from _box(left, top, "encoder", stage, stage.encoder)
    yield from _box(right, top, "decoder", stage, stage.decoder)
    yield _arrow(left + BOX, top + HEIGHT / 2, right, top + HEIGHT / 2, "skip")
    yield from _ways(left, top, level, count, _by(stages[level + 1].stride))


def _ways(left: float, top: float, level: int, count: int, stride: str) -> Iterator[str]:
    """Draw the way down from an encoder's box to the next stage, with its stride, and the way up, mirrored."""
    below = _columns(level + 1, count)[0]
    down = (max(left, below) + min(left, below) + BOX) / 2
    up = WIDTH - down
    yield _arrow(down, top + HEIGHT, down, top + ROW)
    yield _arrow(up, top + ROW, up, top + HEIGHT)
    middle = top + (HEIGHT + ROW) / 2 + 4
    yield _text(down - 8, middle, f"reduce {stride}", "note", "end")
    yield _text(up + 8, middle, f"enlarge {stride}", "note")


def _box(x: float, y: float, kind: str, stage: NetworkStage, work: str) -> Iterator[str]:
    yield f'<rect x="{x:.1f}" y="{y}" width="{BOX}" height="{HEIGHT}" rx="6" class="{kind}"/>'
    yield _text(x + BOX / 2, y + 20, f"{stage.features} features, {_by(stage.shape)}", "size", "middle")
    yield _text(x + BOX / 2, y + 38, work, "note", "middle")


def _text(x: float, y: float, words: str, kind: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def _arrow(x1: float, y1: float, x2: float, y2: float, kind: str = "way") -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def caption_network(
    class_name: str, configuration: str, patch_size: Sequence[int], batch_size: int, channels: int, outputs: int
) -> Captions:
    """Return the words for a network; `outputs` are its channels, one for each class or region."""
    patch = _by([int(length) for length in patch_size])
    return Captions(
        f"{class_name} of the configuration {configuration}",
        f"patch {patch}, batch size {batch_size}",
        f"image: {_counted(channels, 'channel')}, {patch}",
        f"result: {_counted(outputs, 'channel')}, {patch}",
    )


def plot_network(stages: Sequence[NetworkStage], captions: Captions, folder: str) -> None:
    """Write network_architecture.svg into the folder; nothing if there are fewer than two stages."""
    if len(stages) > 1:
        with replacing(join(folder, FILE_NAME)) as temporary:
            temporary.write_text(draw_network(stages, captions), encoding="utf-8")
