"""The report of stage 1: two figures and one self-contained HTML page that a pathologist can read."""

import base64
from collections.abc import Mapping
from html import escape

from s1.distance_report import distance_section
from s1.domain_shift import LARGEST_SHIFT
from s1.image_features import DomainMeasurement
from s1.prism_result import PrismResult
from s1.report_charts import class_bar, class_colour, histogram_chart, legend, ratio_bar, table
from s1.report_figures import combined_analysis_figure, domain_colour, feature_importance_figure
from s1.stain_histogram import RANGE, STAINS

PAGE_NAME = "prism_dd.html"
USUAL_SHIFT = 0.015
"""The largest shift seen in ten pairs of domains of real data (method, section 1.4)."""
_STYLE = """
:root{color-scheme:light}body{font:16px/1.55 system-ui,sans-serif;color:#222;background:#fafaf8;margin:0}
main{max-width:1040px;margin:0 auto;padding:28px 20px 60px}h1{margin:0 0 4px;font-size:28px}
h2{margin:40px 0 8px;font-size:21px;border-bottom:1px solid #ddd;padding-bottom:4px}h3{margin:0 0 6px;font-size:17px}
.lead{color:#555;margin-top:0}.card{background:#fff;border:1px solid #e2e2de;border-radius:8px;padding:14px 16px;
margin:14px 0}.thumbs{display:flex;flex-wrap:wrap;gap:6px;margin:8px 0}.thumbs img{height:120px;border-radius:4px}
.classbar{display:flex;height:22px;border-radius:4px;overflow:hidden;font-size:12px;text-align:center;line-height:22px}
.legend span{margin-right:18px;white-space:nowrap}.legend i,h3 i{display:inline-block;width:12px;height:12px;
border-radius:3px;margin-right:6px}.charts{display:flex;flex-wrap:wrap;gap:16px}.charts figure{flex:1 1 280px;margin:0}
figcaption{font-weight:600;font-size:14px}svg text{font-size:11px;fill:#666}.axis{stroke:#999}
.scroll{overflow-x:auto}table{border-collapse:collapse;margin:10px 0;font-size:15px}
td,th{padding:5px 12px;text-align:left;border-bottom:1px solid #e6e6e2;font-variant-numeric:tabular-nums}
.heat td{text-align:center;min-width:64px;border:2px solid #fafaf8;border-radius:6px}.heat th{border:0}
.heat .self{color:#aaa}.ratio{position:relative;width:220px;height:14px;background:#eee;border-radius:3px}
.ratio span{display:block;height:100%;border-radius:3px}.ratio b{position:absolute;left:50%;top:-3px;width:2px;
height:20px;background:#222}.note{background:#fff6e0;border-left:4px solid #e0b040;padding:8px 14px}
.small{color:#666;font-size:14px}img.figure{max-width:100%}
"""


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
        f"<h2>Behind the numbers</h2><img class='figure' alt='ratios, importance, confidence, magnitudes' "
        f"src='{_data_uri(figure, 'png')}'>{_settings_line(result)}",
    ]
    return (
        "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>How the domains differ</title>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        f"<style>{_STYLE}</style></head><body><main>{''.join(sections)}</main></body></html>"
    )


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
        thumbnails = "".join(f"<img alt='' src='{_data_uri(image, 'jpeg')}'>" for image in measured[name].thumbnails)
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


def _data_uri(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
