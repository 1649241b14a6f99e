"""`drift doctor`: is this machine ready, and what would limit a training on it?"""

import argparse
import os
import platform
from importlib import metadata
from pathlib import Path

from nnunetv2 import drift_version
from nnunetv2.errors import ArgumentError
from nnunetv2.foundation.command_line import command
from nnunetv2.run.run_training import DEVICES
from s1.cpus import network_threads, requested_threads, usable_cpus
from s1.environment import folder_list_variable, folder_variable, text_variable

FOLDERS = ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")
LIBRARIES = ("nnunetv2", "torch", "numpy", "batchgeneratorsv2", "dynamic-network-architectures", "blosc2", "SimpleITK")


def folder_state(variable: str) -> tuple[bool, str]:
    """Return (usable, sentence) for the folder an environment variable names."""
    value = folder_variable(variable)
    if value.path is None:
        return False, f"{variable} is not set: export {variable}=/path/to/a/folder"
    if value.problem:
        return False, value.problem
    shown = f"{variable} = {value.path}" + (f" (read from {value.raw!r})" if value.raw != value.path else "")
    if not Path(value.path).is_dir():
        return False, f"{shown}: no such folder, create it"
    if not os.access(value.path, os.W_OK):
        return False, f"{shown}: not writable"
    return True, shown


def trainer_folder_states() -> list[tuple[bool, str]]:
    """Return (exists, sentence) for each folder of own trainers in nnUNet_extTrainer."""
    return [
        (Path(folder).is_dir(), f"nnUNet_extTrainer: {folder}{'' if Path(folder).is_dir() else ': no such folder'}")
        for folder in folder_list_variable("nnUNet_extTrainer")
    ]


def setting_states() -> list[tuple[bool, str]]:
    """Return (True, sentence) for each other variable of nnU-Net that is set, as it is read."""
    known = (*FOLDERS, "nnUNet_extTrainer")
    names = sorted(name for name in os.environ if name.startswith("nnUNet_") and name not in known)
    return [(True, f"{name} = {text_variable(name)}") for name in names]


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
    """Print one line a check and exit with 2 if one fails; with a dataset, measure the speed of its training."""
    arguments = _parser().parse_args()
    if (arguments.d is None) != (arguments.c is None):
        raise ArgumentError("-d and -c belong together: drift doctor -d 110 -c 2d measures what limits a training")
    states = [(True, f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")]
    states += [library_state(name) for name in LIBRARIES]
    states += [folder_state(variable) for variable in FOLDERS]
    states += [*trainer_folder_states(), *setting_states(), device_state()]
    for good, sentence in states:
        print(f"{'ok' if good else 'MISSING':<9}{sentence}")
    if not all(good for good, _ in states):
        raise SystemExit(2)
    if arguments.d is not None:
        _measure(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="drift doctor", description=__doc__)
    parser.add_argument("-d", help="dataset, name or id: also measure for half a minute what would limit its training")
    parser.add_argument("-c", help="configuration of the plans, for example 2d")
    parser.add_argument("-f", default="0", help="fold (default 0)")
    parser.add_argument("-tr", default="nnUNetTrainer", help="trainer class (default nnUNetTrainer)")
    parser.add_argument("-p", default="nnUNetPlans", help="name of the plans (default nnUNetPlans)")
    parser.add_argument("-device", default="cuda", help=f"{', '.join(DEVICES)} (default cuda)")
    return parser


def _measure(arguments: argparse.Namespace) -> None:
    from nnunetv2.run.training_run import check_device, set_up_device
    from nnunetv2.run.training_speed import training_speed

    device = set_up_device(arguments.device, DEVICES)
    check_device(device, 1)
    for line in training_speed(arguments.d, arguments.c, arguments.f, arguments.tr, arguments.p, device):
        print(line, flush=True)
