"""Links of the written pages, which are read on the site and in the repository alike."""

import re
from collections.abc import Mapping
from posixpath import dirname, relpath

_MENTION = re.compile(r"(?<!\]\()(?<![\w/\[`])(`?)docs/([a-z_/]+\.md)\1(?![\w\])`])")
_LINK = re.compile(r"\]\((?:\.\./)*(?:docs/)?([\w/]+\.md)(#[\w-]+)?\)")
_CODE = re.compile(r"^(?: {4}|\t).*$|^```.*?^```", re.MULTILINE | re.DOTALL)


def linked_pages(markdown: str, page: str, outer_pages: Mapping[str, str]) -> str:
    """Return a page whose mentions `docs/x.md` are links, and whose links to outer files lead to their pages.

    Blocks of code stay as they are.

    Parameters:
        page: path of the page in the folder docs.
        outer_pages: path of a page -> name of the file outside of docs that it shows.
    """
    parts, end = [], 0
    for code in _CODE.finditer(markdown):
        parts += [_with_links(markdown[end : code.start()], page, outer_pages), code.group()]
        end = code.end()
    return "".join([*parts, _with_links(markdown[end:], page, outer_pages)])


def _with_links(text: str, page: str, outer_pages: Mapping[str, str]) -> str:
    places = {name: target for target, name in outer_pages.items()}
    here = dirname(page) or "."
    is_outer = page in outer_pages

    def link(found: re.Match[str]) -> str:
        target, anchor = found.group(1), found.group(2) or ""
        if target in places:
            return f"]({relpath(places[target], here)}{anchor})"
        return f"]({relpath(target, here)}{anchor})" if is_outer else found.group()

    def mention(found: re.Match[str]) -> str:
        target = found.group(2)
        return f"[{target}]({relpath(target, here)})"

    return _MENTION.sub(mention, _LINK.sub(link, text))
