"""Hooks of MkDocs: pages that are made at every build, and links that lead out of the folder docs."""

from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

from docs_site.command_pages import command_pages
from docs_site.links import linked_pages
from docs_site.python_pages import python_pages, undocumented_names

ROOT = Path(__file__).resolve().parents[1]
OUTER_PAGES = {"security.md": "SECURITY.md", "changelog.md": "CHANGELOG.md", "contributing.md": "CONTRIBUTING.md"}
"""Page of the site -> file in the project's folder."""


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that nobody writes. Raises PluginError, listing them, for public names without a docstring."""
    undocumented = undocumented_names()
    if undocumented:
        raise PluginError("\n".join(["public names without a docstring:", *undocumented]))
    pages = {**command_pages(), **python_pages()}
    pages |= {page: (ROOT / name).read_text(encoding="utf-8") for page, name in OUTER_PAGES.items()}
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Lead mentions of pages and links to files outside the folder docs to the pages of the site."""
    return linked_pages(markdown, page.file.src_uri, OUTER_PAGES)
