"""The building blocks of a self-contained HTML page that also reads well on paper."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

STYLE = """
body { font: 16px/1.5 Georgia, 'Times New Roman', serif; color: #1a1a1a; background: #fff; max-width: 62rem;
  margin: 2rem auto; padding: 0 1.5rem; overflow-wrap: break-word; }
h1, h2, h3, th, .key, figcaption, .number { font-family: 'Helvetica Neue', Arial, sans-serif; }
h1 { font-size: 1.7rem; margin-bottom: 0.2rem; }
h2 { font-size: 1.25rem; margin-top: 2.4rem; border-bottom: 2px solid #1a1a1a; padding-bottom: 0.2rem; }
h3 { font-size: 1.02rem; margin-top: 1.6rem; }
.lead { font-size: 1.08rem; }
.note { color: #444; font-size: 0.92rem; }
.warning { border-left: 5px solid #b34700; padding: 0.2rem 0 0.2rem 0.8rem; }
table { border-collapse: collapse; margin: 0.8rem 0; font-size: 0.92rem; }
th, td { padding: 0.32rem 0.8rem; text-align: right; border-bottom: 1px solid #c9c9c9; vertical-align: top; }
th { border-bottom: 2px solid #1a1a1a; font-weight: 600; }
th:first-child, td:first-child, table.words td, table.words th { text-align: left; }
tr.total td { border-top: 2px solid #1a1a1a; font-weight: 600; }
td { font-variant-numeric: tabular-nums; }
.interval { color: #555; white-space: nowrap; }
.wide { overflow-x: auto; }
.numbers { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.2rem 0; }
.numbers div { border: 1px solid #8a8a8a; border-radius: 4px; padding: 0.6rem 1rem; min-width: 8.5rem; flex: 1; }
.number { font-size: 1.7rem; font-weight: 600; }
.key { font-size: 0.82rem; color: #444; }
figure { margin: 1.2rem 0; }
figure img { max-width: 100%; height: auto; }
figcaption { font-size: 0.85rem; color: #333; }
td img { max-width: 20rem; height: auto; }
td h3 { margin-top: 0; overflow-wrap: anywhere; }
td p { margin: 0.3rem 0; }
.swatch { display: inline-block; width: 0.9em; height: 0.9em; margin-right: 0.4em; border: 1px solid #8a8a8a; }
ul { padding-left: 1.4rem; margin: 0.4rem 0; }
ul.warning { padding-left: 1.8rem; }
dt { font-weight: 600; margin-top: 0.6rem; }
dd { margin: 0 0 0 1.2rem; }
@media (max-width: 40rem) {
  body { margin: 1rem auto; padding: 0 0.8rem; }
  th, td { padding: 0.3rem 0.4rem; }
  table.words td { overflow-wrap: anywhere; }
  td img { max-width: 100%; }
  figure { overflow-x: auto; }
  figure img { max-width: 50rem; }
}
@media screen and (prefers-color-scheme: dark) {
  :root { color-scheme: dark; }
  body { color: #e4e4e4; background: #17191c; }
  h2, tr.total td { border-color: #e4e4e4; }
  th, td { border-color: #4a4d52; }
  .note, .key, .interval, figcaption { color: #b9bcc1; }
  .warning { border-color: #ff8c42; }
  figure img, td img { background: #fff; }
}
@media print {
  body { max-width: none; margin: 0; font-size: 11pt; }
  figure, table, .numbers { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
}
"""


@dataclass(frozen=True)
class Markup:
    """Text that is already HTML and must not be escaped."""

    html: str


Cell = str | Markup


def page(title: str, body: Sequence[str]) -> str:
    """Return a whole page from a title (text) and sections (HTML)."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def heading(text: str, level: int = 2) -> str:
    """Return a heading; level 1 is the title of the page."""
    return f"<h{level}>{escape(text)}</h{level}>"


def paragraph(text: Cell, kind: str = "") -> str:
    """Return a paragraph; `kind` is lead, note or warning."""
    attribute = f' class="{kind}"' if kind else ""
    return f"<p{attribute}>{_html(text)}</p>"


def table(header: Sequence[Cell], rows: Sequence[Sequence[Cell]], totals: int = 0, words: bool = False) -> str:
    """Return a table whose last `totals` rows stand out; `words` aligns all cells to the left."""
    head = "".join(f"<th>{_html(cell)}</th>" for cell in header)
    lines = []
    for number, row in enumerate(rows):
        attribute = ' class="total"' if number >= len(rows) - totals else ""
        lines.append(f"<tr{attribute}>" + "".join(f"<td>{_html(cell)}</td>" for cell in row) + "</tr>")
    kind = ' class="words"' if words else ""
    head = f"<thead><tr>{head}</tr></thead>" if header else ""
    return f'<div class="wide"><table{kind}>{head}<tbody>{"".join(lines)}</tbody></table></div>'


def key_numbers(numbers: Sequence[tuple[str, str]]) -> str:
    """Return boxes with a large number and its meaning, from pairs (number, words)."""
    boxes = (
        f'<div><span class="number">{escape(number)}</span><br><span class="key">{escape(words)}</span></div>'
        for number, words in numbers
    )
    return f'<div class="numbers">{"".join(boxes)}</div>'


def figure(png: bytes, caption: Cell, description: str) -> str:
    """Return a picture embedded in the page, with a caption below and a description for screen readers."""
    return f"<figure>{picture(png, 'png', description).html}<figcaption>{_html(caption)}</figcaption></figure>"


def picture(data: bytes, kind: str, description: str) -> Markup:
    """Return a picture embedded in the page; `kind` is png or jpeg, the description is for screen readers."""
    text = base64.b64encode(data).decode("ascii")
    return Markup(f'<img src="data:image/{kind};base64,{text}" alt="{escape(description)}">')


def legend(entries: Sequence[tuple[str, str]]) -> str:
    """Return a line of names with their colours, from pairs (colour as in CSS, name)."""
    shown = (f'<span class="swatch" style="background:{colour}"></span>{escape(name)}' for colour, name in entries)
    return f"<p>{' &emsp; '.join(shown)}</p>"


def items(entries: Sequence[Cell], kind: str = "") -> str:
    """Return a list of short texts; `kind` as for a paragraph."""
    attribute = f' class="{kind}"' if kind else ""
    return f"<ul{attribute}>" + "".join(f"<li>{_html(entry)}</li>" for entry in entries) + "</ul>"


def definitions(entries: Sequence[tuple[str, Cell]]) -> str:
    """Return a list of terms and their definitions."""
    return "<dl>" + "".join(f"<dt>{escape(term)}</dt><dd>{_html(text)}</dd>" for term, text in entries) + "</dl>"


def _html(cell: Cell) -> str:
    return cell.html if isinstance(cell, Markup) else escape(cell)
