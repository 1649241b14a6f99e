"""The page of `drift start`: what was found in a folder, what is wrong, and pictures with the labels in colour."""

from collections.abc import Mapping, Sequence

from nnunetv2.reporting.html_page import Cell, heading, legend, page, paragraph, picture, table

_PICTURES = "Left the image, right with its labels in colour. Do they lie on what they are meant for?"


def start_page(
    folder: str,
    summary: Sequence[tuple[str, str]],
    problems: Sequence[tuple[str, str, str]],
    pictures: Mapping[str, Sequence[tuple[str, bytes]]],
    classes: Sequence[tuple[str, str]],
) -> str:
    """Return the HTML page.

    Parameters:
        summary: rows (what, in words).
        problems: rows (where, what, what to do).
        pictures: domain, empty without domains -> (case, JPEG file) of some of its cases.
        classes: (colour as in CSS, name) of each class in the pictures.
    """
    body = [heading("Proposed dataset", 1), paragraph(f"From the folder {folder}", "lead")]
    body.append(table([], summary, words=True))
    if problems:
        body += [
            heading("Problems"),
            paragraph(f"{len(problems)} of them; what to do stands in the last column.", "warning"),
            table(["where", "problem", "what to do"], problems, words=True),
        ]
    if pictures:
        body += [heading("Pictures"), paragraph(_PICTURES, "note"), legend(classes)]
    for domain, cases in pictures.items():
        cells: list[list[Cell]] = [[picture(jpeg, "jpeg", f"{case} and its labels"), case] for case, jpeg in cases]
        body += [heading(domain, 3)] if domain else []
        body.append(table([], cells, words=True))
    return page("Proposed dataset", body)
