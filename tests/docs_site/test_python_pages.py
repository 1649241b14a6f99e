"""The pages about Python name modules of ours, whose public names all have a docstring."""

import ast
from pathlib import Path

import pytest

from docs_site import python_pages
from docs_site.python_pages import PAGES, source_file, undocumented_names


def test_every_public_name_has_a_docstring() -> None:
    assert undocumented_names() == []


def test_names_without_docstring_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "s1").mkdir()
    (tmp_path / "s1" / "new.py").write_text(
        "def f(): pass\ndef _g(): pass\nclass C:\n  '''It.'''\n  def m(self): pass\n  def n(self): 'Known.'\n"
    )
    monkeypatch.setattr(python_pages, "ROOT", tmp_path)
    monkeypatch.setattr(python_pages, "PAGES", {"p": ("P", "", ["s1.new"])})
    assert undocumented_names() == ["s1.new", "s1.new.f", "s1.new.C.m"]


def test_all_public_names_of_the_slides_package_are_described() -> None:
    tree = ast.parse(source_file("nnunetv2.pathology.__init__").read_text())
    (late,) = [node for node in ast.walk(tree) if isinstance(node, ast.Dict)]
    modules = [key.value for key in late.keys if isinstance(key, ast.Constant)]
    assert modules
    assert set(modules) <= set(PAGES["slides"][2])


def test_a_page_describes_what_its_modules_define_and_nothing_that_they_import() -> None:
    text = python_pages.python_pages()["reference/python/training.md"]
    assert "::: nnunetv2.training.nnUNetTrainer.nnUNetTrainer\n    options:\n      members: [nnUNetTrainer]\n" in text
