"""An import changes nothing in a host's process; a command makes OpenMP wait passively before torch is loaded."""

import os
import subprocess
import sys

import pytest

from s1.cpus import PASSIVE
from tests.packaging.test_package_list import SCRIPTS

MODULES = sorted({entry.partition(":")[0] for entry in SCRIPTS.values()} | {"s1.PRISMDD", "nnunetv2.run.doctor"})
WATCH_TORCH = """
import os, sys

class Watcher:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            print([os.environ.get(name) for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")], flush=True)
            os._exit(0)

sys.meta_path.insert(0, Watcher())
module, function, *sys.argv[1:] = sys.argv[1:]
getattr(__import__(module, fromlist=["x"]), function)()
"""
IMPORT_COMMANDS = """
import importlib, os, sys, threading
before = dict(os.environ)
for name in sys.argv[1:]:
    importlib.import_module(name)
    assert "torch" not in sys.modules, f"{name} imports torch"
assert dict(os.environ) == before
assert threading.active_count() == 1
"""
IMPORT_LIBRARY = """
import os, signal, sys, torch
def state():
    signals = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    ours = ("OMP_", "GOMP_", "KMP_BLOCKTIME", "MKL_", "OPENBLAS_", "nnUNet_")  # dependencies set others
    variables = {name: value for name, value in os.environ.items() if name.startswith(ours)}
    return variables, torch.get_num_threads(), torch.get_num_interop_threads(), signals, sys.excepthook
before = state()
import nnunetv2.run.training_run, nnunetv2.training.nnUNetTrainer.nnUNetTrainer, s1.PRISMDD
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
nnUNetPredictor(device=torch.device("cpu"))
assert state() == before
"""


def run(script: str, *arguments: str, **variables: str) -> str:
    unset = {"OMP_NUM_THREADS", *PASSIVE}
    environment = {key: value for key, value in os.environ.items() if key not in unset} | variables
    command = [sys.executable, "-c", script, *arguments]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip()


COMMANDS = [
    ("nnunetv2.run.run_training", "run_training_entry", "1", "2d", "0", "-device", "cpu"),
    ("nnunetv2.run.drift_command", "main", "doctor"),
    ("s1.PRISMDD", "main", "--domain", "A=x", "--domain", "B=y", "--device", "cuda"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=["train", "doctor", "prism"])
def test_a_command_lets_threads_wait_passively_before_torch_is_imported(command: tuple[str, ...]) -> None:
    assert run(WATCH_TORCH, *command) == str(list(PASSIVE.values()))


def test_a_command_leaves_alone_what_the_user_has_set() -> None:
    assert run(WATCH_TORCH, *COMMANDS[0], OMP_WAIT_POLICY="ACTIVE") == str(["ACTIVE", None, None])


def test_the_modules_of_all_commands_import_no_torch_and_change_nothing() -> None:
    run(IMPORT_COMMANDS, *MODULES)


@pytest.mark.long
def test_a_host_program_keeps_its_environment_its_threads_and_its_signals() -> None:
    run(IMPORT_LIBRARY)
