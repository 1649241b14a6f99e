"""Definitions of the terms in a report, for readers who do not build models."""

from nnunetv2.reporting.html_page import Cell, definitions, heading, paragraph

_TERMS: list[tuple[str, Cell]] = [
    ("Domain", "A group of images that look alike because they share a scanner, a laboratory, a stain or an organ."),
    (
        "Dice",
        "Agreement of two outlined areas, from 0 (they do not touch) to 1 (they are the same): twice the shared area "
        "divided by the sum of both areas. A structure that is in neither reference nor prediction is not counted.",
    ),
    ("IoU", "The shared area divided by the area that at least one covers. Stricter than Dice, with the same ranking."),
    ("Reference", "The outlines made or checked by people, with which the model is compared."),
    (
        "95 % interval",
        "The range in which the mean would probably lie if other cases of the same kind had been tested (bootstrap "
        "over cases). It says nothing about images of a kind that was not tested.",
    ),
    ("Mixing ratio", "The share of the images shown to the model in training that comes from a domain."),
    (
        "Balanced Dice",
        "The mean over the domains, each weighted by the ratio that the dataset declares or stage 1 measured, else "
        "equally; not by its number of cases, and not by how a model was trained.",
    ),
    ("Gap", "Dice of the best domain minus Dice of the worst. A small gap means similar quality everywhere."),
]


def glossary_section() -> list[str]:
    """Explain the terms of the report."""
    caution = "The numbers describe the cases evaluated here. They are not an approval for diagnostic use."
    return [heading("How to read this report"), definitions(_TERMS), paragraph(caution, "note")]
