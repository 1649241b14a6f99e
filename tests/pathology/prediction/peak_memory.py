"""The peak memory of predicting a slide, measured in a process of its own."""

import subprocess
import sys
import textwrap
from pathlib import Path

SCRIPT = """
    import resource, sys
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
    def resident():
        with open("/proc/self/status") as status:
            lines = dict(line.split(":") for line in status)
        return [int(lines[name].split()[0]) for name in ("RssAnon", "RssFile")]
    idle, of_files = resident()
    result = predictor.predict(slide, out)
    assert abs(result.measurements["classes"][1]["share_of_tissue"] - 1.0) < 1e-9
    of_files = max(of_files, resident()[1])  # the system takes them away and brings them back as it likes
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - of_files - idle) / 2**10)
"""


def peak_mib(slide: Path, out: Path, memory_gb: float) -> float:
    """Return by how many MiB the memory of a process grows while it predicts a slide with a network of one convolution.

    Pages of files, such as libraries, do not count.

    Parameters:
        memory_gb: what sums and pixels may take.
    """
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(slide), str(out), str(memory_gb)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return float(done.stdout.split()[-1])
