"""The report of stage 1: two figures and one self-contained HTML page that a pathologist can read."""

from collections.abc import Mapping
from html import escape

from s1.distance_report import distance_section
from s1.domain_shift import LARGEST_SHIFT
from s1.image_features import DomainMeasurement
from s1.prism_result import PrismResult
from s1.report_charts import class_bar, class_colour, histogram_chart, legend, ratio_bar, table
from s1.report_figures import combined_analysis_figure, domain_colour, feature_importance_figure
from s1.report_page import data_uri, html_page
from s1.stain_histogram import RANGE, STAINS

PAGE_NAME = "prism_dd.html"
USUAL_SHIFT = 0.015
"""The largest shift seen in ten pairs of domains of real data (method, section 1.4)."""


def report_files(
    result: PrismResult, measured: Mapping[str, DomainMeasurement], label_names: Mapping[int, str]
) -> dict[str, bytes]:
    """Return the report as file name -> content; labels without a name in `label_names` are shown as numbers."""
    combined = combined_analysis_figure(result)
    return {
        "feature_importance.png": feature_importance_figure(result),
        "combined_analysis.png": combined,
        PAGE_NAME: build_page(result, measured, label_names, combined).encode(),
    }


def build_page(
    result: PrismResult, measured: Mapping[str, DomainMeasurement], label_names: Mapping[int, str], figure: bytes
) -> str:
    """Return the HTML page; it references no other file."""
    images = sum(features.images for features in result.domains.values())
    sections = [
        f"<h1>How the domains differ</h1><p class='lead'>{len(result.domains)} domains, {images} images. "
        "A domain is a group of images that look alike: one laboratory, one stain, one scanner, one organ.</p>",
        *(f"<p class='note'>{escape(note)}</p>" for note in result.notes),
        _ratio_section(result),
        _domain_section(result, measured, label_names),
        _histogram_section(result, measured),
        distance_section(result),
        "<h2>Behind the numbers</h2><div class='scroll'><img class='figure' "
        f"alt='ratios, importance, confidence, magnitudes' src='{data_uri(figure, 'png')}'></div>"
        f"{_settings_line(result)}",
    ]
    return html_page("How the domains differ", sections)


def _ratio_section(result: PrismResult) -> str:
    count, images = len(result.domains), sum(features.images for features in result.domains.values())
    rows = []
    for index, (name, ratio) in enumerate(result.ratios.items()):
        by_images = result.domains[name].images / images
        rows.append([
            escape(name),
            ratio_bar(ratio, 1 / count, domain_colour(index)),
            f"{ratio:.1%}",
            f"{by_images:.1%}",
            f"{ratio / by_images:.2f} &times;",
        ])  # fmt: skip
    header = ["domain", "share of training (mark: equal)", "share", "by number of images", "each image is seen"]
    return (
        "<h2>What this does to training</h2><p>Training shows the model small pieces of the images. Without balancing, "
        "the share of a domain follows its number of images. With these ratios it gets the share below, so that a "
        "domain with few images is not drowned out by one with many; the last column says how many times as often each "
        f"of its images is then seen.</p>{table(header, rows)}{_shift_note(result)}"
    )


def _shift_note(result: PrismResult) -> str:
    if not result.pairs:
        return "<p class='note'>There is only one domain, so there is nothing to balance.</p>"
    largest = max(abs(pair.outcome.shift) for pair in result.pairs)
    verdict = (
        "As usual, the measured differences change the ratios little."
        if largest <= USUAL_SHIFT
        else "This is more than usual: look for the reason in the images and masks before you trust it."
    )
    return (
        f"<p class='note'>The largest shift of a pair is {largest:.4f}; the limit is {LARGEST_SHIFT}. {verdict} In ten "
        f"pairs of domains of real tissue the published formula never gave more than {USUAL_SHIFT}, so its ratios are "
        "close to equal shares. Training changes because domains are drawn equally often instead of by number of "
        "images, not because of the small deviation from equal shares.</p>"
    )


def _domain_section(
    result: PrismResult, measured: Mapping[str, DomainMeasurement], label_names: Mapping[int, str]
) -> str:
    labels = sorted({label for features in result.domains.values() for label in features.class_shares or ()})
    cards = []
    for index, (name, features) in enumerate(result.domains.items()):
        thumbnails = "".join(f"<img alt='' src='{data_uri(image, 'jpeg')}'>" for image in measured[name].thumbnails)
        shares = features.class_shares
        bar = class_bar(shares, labels, label_names) if shares else "<p class='small'>no masks</p>"
        cards.append(
            f"<div class='card'><h3><i style='background:{domain_colour(index)}'></i>{escape(name)} "
            f"<span class='small'>{features.images} images</span></h3><div class='thumbs'>{thumbnails}</div>{bar}"
            f"<p class='small'>brightness {features.grey_mean:.1f} of 255, spread {features.grey_std:.1f}, contrast "
            f"between neighbouring pixels {features.glcm_contrast:.1f}</p></div>"
        )
    entries = [(class_colour(i), label_names.get(label, f"label {label}")) for i, label in enumerate(labels)]
    return f"<h2>The domains</h2>{legend(entries) if labels else ''}{''.join(cards)}"


def _histogram_section(result: PrismResult, measured: Mapping[str, DomainMeasurement]) -> str:
    names = list(result.domains)
    grey = [_shares(measured[name].grey_histogram.tolist()) for name in names]
    charts = [histogram_chart(grey, "black", "white", "Grey value")]
    for place, stain in enumerate(STAINS):
        amounts = [_shares(measured[name].stain_histogram[place].tolist()) for name in names]
        if any(map(sum, amounts)):
            charts.append(
                histogram_chart(amounts, f"{RANGE[0]}", f"{RANGE[1]}", f"{stain.capitalize()} (optical density)")
            )
    key = legend([(domain_colour(i), name) for i, name in enumerate(names)])
    return (
        "<h2>Colour and brightness</h2><p>The further apart the outlines, the more the domains differ in staining and "
        "scanning. Stain amounts are estimated with standard stain colours.</p>"
        f"{key}<div class='charts'>{''.join(charts)}</div>"
    )


def _settings_line(result: PrismResult) -> str:
    settings = result.settings
    weights = settings.class_weights
    parts = [
        "class weights " + (", ".join(f"{k}: {v:g}" for k, v in weights.items()) if weights else "not used"),
        "images cropped to a common size" if settings.crop_common else "whole images",
        *([f"label {settings.ignore_label} ignored"] if settings.ignore_label is not None else []),
    ]
    return f"<p class='small'>{escape('; '.join(parts))}. All numbers are in prism_dd.json.</p>"


def _shares(counts: list[int]) -> list[float]:
    total = sum(counts)
    return [count / total if total else 0.0 for count in counts]
