"""The peak memory of predicting a slide, measured in a process of its own."""

import subprocess
import sys
import textwrap
import time
from pathlib import Path

_INTERVAL_S = 0.003

SCRIPT = """
    import sys
    import torch
    from nnunetv2.foundation.freed_memory import keep_freed_memory
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.pathology import SlidePredictor, SlideSettings
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
    from tests.factories.plans import make_dataset_json, make_plans

    slide, out, memory_gb = sys.argv[1:]
    keep_freed_memory()  # as the command does
    torch.set_num_threads(1)
    network = torch.nn.Conv2d(3, 4, 1)
    torch.nn.init.zeros_(network.weight)
    network.bias.data = torch.tensor([0.0, 0.0, 1.0, 0.0])
    labels = {"background": 0, "a": 1, "b": 2, "c": 3}
    plans = PlansManager(make_plans([512, 512], [1.0, 1.0], ".png", 3))
    predictor = nnUNetPredictor(device=torch.device("cpu"), allow_tqdm=False, use_mirroring=False)
    predictor.manual_initialization(
        network, plans, plans.get_configuration("2d"), [network.state_dict()],
        make_dataset_json(".png", 3, labels), "nnUNetTrainer", None,
    )
    settings = SlideSettings(mpp=2.0, tissue="none", step_size=1.0, memory_gb=float(memory_gb))
    predictor = SlidePredictor(predictor, settings)
    print("begins", flush=True)
    sys.stdin.readline()  # until somebody has looked
    result = predictor.predict(slide, out)
    assert abs(result.measurements["classes"][1]["share_of_tissue"] - 1.0) < 1e-9
"""


def peak_mib(slide: Path, out: Path, memory_gb: float) -> float:
    """Return by how many MiB the memory of a process grows while it predicts a slide with a network of one convolution.

    Looked at every 3 ms. Pages of files, such as libraries, do not count: the system takes them away and brings them
    back as it likes.

    Parameters:
        memory_gb: what sums and pixels may take.
    """
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(slide), str(out), str(memory_gb)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "begins\n"
        idle = peak = _own_kib(process.pid)
        process.stdin.write("go on\n")
        process.stdin.flush()
        while process.poll() is None:
            peak = max(peak, _own_kib(process.pid))
            time.sleep(_INTERVAL_S)
    assert process.returncode == 0
    return (peak - idle) / 2**10


def _own_kib(process: int) -> int:
    """Return the memory of a process without pages of files; 0 when it has ended."""
    status = Path(f"/proc/{process}/status").read_text()
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")), 0)
