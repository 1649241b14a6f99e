"""`drift doctor`: is this machine ready?"""

import argparse
import os
import platform
from importlib import metadata
from pathlib import Path

from nnunetv2 import drift_version
from nnunetv2.utilities.command_line import command
from s1.cpus import network_threads, requested_threads, usable_cpus

FOLDERS = ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")
LIBRARIES = ("nnunetv2", "torch", "numpy", "batchgeneratorsv2", "dynamic-network-architectures", "blosc2", "SimpleITK")


def folder_state(variable: str) -> tuple[bool, str]:
    """Return (usable, sentence) for the folder an environment variable names."""
    value = os.environ.get(variable)
    if value is None:
        return False, f"{variable} is not set: export {variable}=/path/to/a/folder"
    if not Path(value).is_dir():
        return False, f"{variable} = {value}: no such folder, create it"
    if not os.access(value, os.W_OK):
        return False, f"{variable} = {value}: not writable"
    return True, f"{variable} = {value}"


def library_state(name: str) -> tuple[bool, str]:
    """Return (installed, sentence) for a distribution."""
    try:
        own = f" (DRIFT {drift_version.DRIFT})" if name == "nnunetv2" else ""
        return True, f"{name} {metadata.version(name)}{own}"
    except metadata.PackageNotFoundError:
        return False, f"{name} is not installed: pip install -r requirements.txt"


def device_state() -> tuple[bool, str]:
    """Return (True, sentence) on what trainings and predictions can run."""
    import torch

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        return True, f"GPU: {', '.join(names)}"
    if torch.backends.mps.is_available():
        return True, "GPU: Apple, use -device mps"
    return True, f"no GPU: use -device cpu ({cpu_state()})"


def cpu_state() -> str:
    """Tell how many CPUs this process may use, and how many threads a network on the CPU gets."""
    usable, installed = usable_cpus(), os.cpu_count() or 1
    cpus = f"{usable} CPUs" if usable == installed else f"{usable} of {installed} CPUs, by affinity or quota"
    source = "" if requested_threads() is None else " by OMP_NUM_THREADS"
    return f"{cpus}; threads of a network{source}: {network_threads()}"


@command
def doctor_entry() -> None:
    """Print one line a check and exit with 2 if one fails."""
    argparse.ArgumentParser(prog="drift doctor", description=__doc__).parse_args()
    states = [(True, f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")]
    states += [library_state(name) for name in LIBRARIES]
    states += [folder_state(variable) for variable in FOLDERS]
    states.append(device_state())
    for good, sentence in states:
        print(f"{'ok' if good else 'MISSING':<9}{sentence}")
    if not all(good for good, _ in states):
        raise SystemExit(2)
