"""All commands read their arguments before they import anything that takes long."""

import subprocess
import sys
from pathlib import Path

from nnunetv2.run.drift_command import SUB_COMMANDS
from nnunetv2.run.slide_command import _COMMANDS as SLIDE_COMMANDS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PYPROJECT = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())
SCRIPTS: dict[str, str] = PYPROJECT["project"]["scripts"]
HEAVY = (
    "numpy",
    "torch",
    "scipy",
    "skimage",
    "pandas",
    "matplotlib",
    "PIL",
    "SimpleITK",
    "tifffile",
    "batchgenerators",
)

# One process asks all of them and stops at the first that has imported one of HEAVY.
ASK_ALL = """
import sys
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO

def ask(script, origin, *words):
    module, _, name = origin.partition(":")
    sys.argv = [script, *words, "--help"]
    shown = StringIO()
    with redirect_stdout(shown):
        try:
            getattr(import_module(module), name)()
        except SystemExit as end:
            assert not end.code, (script, words)
    loaded = sorted(set(heavy) & set(sys.modules))
    print(*sys.argv[:-1], "usage" in shown.getvalue(), *loaded)
    return not loaded

heavy, commands = {heavy!r}, {commands!r}
all(ask(*command) for command in commands)
"""


def test_no_command_imports_numpy_or_torch_before_it_has_read_its_arguments() -> None:
    drift = ("drift", SCRIPTS["drift"])
    commands = [
        *SCRIPTS.items(),
        *((*drift, name) for name in SUB_COMMANDS),
        *((*drift, "slide", name) for name in SLIDE_COMMANDS),
    ]
    code = ASK_ALL.format(heavy=HEAVY, commands=commands)
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line for line in asked if not line.endswith(" True")] == []
    assert len(asked) == len(commands) > 30
