import sys
from types import ModuleType

import pytest

from nnunetv2.foundation.late_names import late_names


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module with a name of its own and two late ones."""
    made = ModuleType("module_with_late_names")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    vars(made)["own"] = 1
    vars(made)["_hidden"] = 2
    vars(made)["__getattr__"], vars(made)["__dir__"] = late_names(
        made.__name__, {"json": ("loads",), "nnunetv2.errors": ("CallError",)}, {"np": "numpy"}
    )
    return made


def test_a_late_name_becomes_a_global_when_it_is_used(module: ModuleType) -> None:
    assert "loads" not in vars(module)
    assert module.loads("1") == 1
    assert "loads" in vars(module)


def test_a_late_name_may_be_a_module(module: ModuleType) -> None:
    assert module.np.__name__ == "numpy"


def test_a_reload_imports_late_names_again(module: ModuleType) -> None:
    vars(module)["loads"] = "mine"
    vars(module)["__getattr__"], vars(module)["__dir__"] = late_names(module.__name__, {"json": ("loads",)})
    assert module.loads("1") == 1


def test_a_replaced_name_stays_replaced(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "loads", "mine")
    assert module.loads == "mine"


def test_a_star_import_takes_own_and_late_names(module: ModuleType) -> None:
    names: dict[str, object] = {}
    exec(f"from {module.__name__} import *", names)
    assert names.keys() - {"__builtins__"} == {"own", "loads", "CallError", "np"}
    assert {"own", "loads", "CallError", "np"} <= set(dir(module))


def test_other_names_are_missing_as_usual(module: ModuleType) -> None:
    with pytest.raises(AttributeError, match="module 'module_with_late_names' has no attribute 'dumps'"):
        module.dumps  # noqa: B018
