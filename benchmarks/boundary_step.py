"""Measure what boundary learning adds to a training step: time and peak memory compared with the plain network.

The network is a planned 2D U-Net (7 stages, 32 to 512 features, deep supervision) on random images, on the CPU. Each
variant runs in its own process.

    python benchmarks/boundary_step.py [--size 256] [--batch 8] [--steps 3] [--threads 2]
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time

import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet
from torch import Tensor, nn
from torch.nn import functional

from nnunetv2.boundary.boundary_loss import BoundaryLossSettings
from nnunetv2.boundary.edge_branch import EdgeBranch, NoEdgeBranch

CLASSES = 3
FEATURES = (32, 64, 128, 256, 512, 512, 512)


def planned_network() -> nn.Module:
    """Return the U-Net planned for 256 x 256 patches of RGB images."""
    stages = len(FEATURES)
    return PlainConvUNet(
        3, stages, FEATURES, nn.Conv2d, 3, (1, *[2] * (stages - 1)), 2, CLASSES, 2, conv_bias=True,
        norm_op=nn.InstanceNorm2d, norm_op_kwargs={"affine": True}, nonlin=nn.LeakyReLU,
        nonlin_kwargs={"inplace": True}, deep_supervision=True,
    )  # fmt: skip


def segmentation_loss(output: list[Tensor], targets: list[Tensor], weights: list[float]) -> Tensor:
    """Return cross entropy plus soft Dice with background, weighted over scales."""
    total = output[0].new_zeros(())
    for logits, target, weight in zip(output, targets, weights, strict=True):
        if weight:
            labels = target[:, 0].long()
            probabilities, wanted = torch.softmax(logits, 1), functional.one_hot(labels, CLASSES).movedim(-1, 1)
            overlap, size = (probabilities * wanted).sum((2, 3)), (probabilities + wanted).sum((2, 3))
            total = total + weight * (functional.cross_entropy(logits, labels) - (2 * overlap / size).mean())
    return total


def run_steps(with_edges: bool, size: int, batch: int, steps: int) -> None:
    """Print the median wall and CPU seconds per step, and the peak memory in MB."""
    torch.manual_seed(0)
    network = planned_network()
    branch = EdgeBranch.build(network, 6, 2, BoundaryLossSettings(), (1, 2)) if with_edges else NoEdgeBranch()
    wrapped = branch.wrap(network)
    optimizer = torch.optim.SGD(wrapped.parameters(), lr=1e-3, momentum=0.99, nesterov=True)
    images = torch.randn(batch, 3, size, size)
    coarse = torch.rand(batch, 1, max(2, size // 32), max(2, size // 32))
    labels = (functional.interpolate(coarse, (size, size), mode="bicubic") * CLASSES).floor().clamp(0, CLASSES - 1)
    targets = [labels[..., :: 2**scale, :: 2**scale] for scale in range(6)]
    weights = [2.0**-scale for scale in range(5)] + [0.0]
    seconds, processor_seconds = [], []
    for _ in range(steps):
        started, processor_started = time.perf_counter(), time.process_time()
        optimizer.zero_grad()
        output = wrapped(images)
        loss = branch.add_loss(segmentation_loss(output, targets, weights), wrapped, targets, weights)
        loss.backward()
        optimizer.step()
        seconds.append(time.perf_counter() - started)
        processor_seconds.append(time.process_time() - processor_started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(statistics.median(seconds), statistics.median(processor_seconds), peak)


def main() -> None:
    """Run both kinds in turn, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--kind", choices=("plain", "edges"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.kind:
        run_steps(arguments.kind == "edges", arguments.size, arguments.batch, arguments.steps)
        return
    results = {}
    for kind in ("plain", "edges"):
        output = subprocess.check_output([sys.executable, *sys.argv, "--kind", kind], text=True)
        results[kind] = [float(word) for word in output.split()]
        seconds, processor_seconds, peak = results[kind]
        print(f"{kind:<6} {seconds:7.2f} s per step ({processor_seconds:.2f} s of CPU time), peak {peak:6.0f} MB")
    ratios = [edges / plain for edges, plain in zip(results["edges"], results["plain"], strict=True)]
    print("with edges: {:.2f} x the time, {:.2f} x the CPU time, {:.2f} x the memory".format(*ratios))
    print("target:     1.2 x the time, 1.15 x the memory")


if __name__ == "__main__":
    main()
