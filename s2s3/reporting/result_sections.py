"""The sections about the quality of predictions, in plain words."""

from collections.abc import Mapping

from nnunetv2.errors import ImageProblemError
from nnunetv2.reporting.case_files import PictureFolders, read_case_picture
from nnunetv2.reporting.case_overlay import overlay_figure
from nnunetv2.reporting.evaluation_results import BadCase, Results, Score
from nnunetv2.reporting.figures import scores_figure
from nnunetv2.reporting.html_page import Markup, figure, heading, key_numbers, paragraph, table
from nnunetv2.reporting.model_facts import ModelFacts

FEW_CASES = 10
_MANY_CLASSES = 4


def results_section(title: str, facts: ModelFacts, results: Results) -> list[str]:
    """Show the scores of the predictions by domain and class."""
    names = {key: facts.name_of(key) for key in results.classes}
    parts = [heading(title)]
    if results.has_domains:
        caption = (
            "Dot: mean over the cases. Bar: 95 % interval; the wider, the less certain (few or very different cases)."
        )
        parts.append(figure(scores_figure(results, names), caption, "Dice by domain and structure with intervals"))
    parts += [heading("Dice", 3), _score_table(results, names, "Dice")]
    parts += [heading("IoU", 3), _score_table(results, names, "IoU")]
    few = [name for name, count in results.case_counts.items() if results.has_domains and count < FEW_CASES]
    if few:
        parts.append(
            paragraph(f"Few cases (under {FEW_CASES}) in {', '.join(few)}: read them with caution.", "warning")
        )
    return parts


def worst_cases_section(facts: ModelFacts, results: Results, folders: PictureFolders, count: int) -> list[str]:
    """Show the cases with the lowest Dice."""
    if not results.worst_cases or not count:
        return []
    legend = (
        "The cases with the lowest Dice. Solid yellow line: the reference (drawn by the expert). Dashed light-blue "
        "line: found by the model. Where yellow and blue alternate along one line, both agree."
    )
    parts = [heading("The worst cases"), paragraph(legend)]
    for case in results.worst_cases[:count]:
        parts += _case(case, facts, results, folders)
    return parts


def verdict(results: Results) -> list[str]:
    """Give the result in one sentence and a few large numbers."""
    cases = sum(results.case_counts.values())
    if not results.has_domains:
        mean = results.foreground[results.domains[0]]["Dice"].mean
        return [key_numbers([(_number(mean), "mean Dice of all structures"), (str(cases), "cases evaluated")])]
    comparison = results.comparison
    worst, best = comparison["worst_domain"], comparison["best_domain"]
    boxes = [
        (_number(comparison["mean_over_domains"]["Dice"]), "mean Dice over domains"),
        (_number(comparison["balanced"]["Dice"]), "balanced Dice"),
        (_number(worst["Dice"]), f"worst domain: {worst['domain'] or '-'}"),
        (_number(best["Dice"]), f"best domain: {best['domain'] or '-'}"),
        (_number(comparison["gap"]), "gap between best and worst"),
    ]
    if worst["domain"] is None:
        return [paragraph("No structure is in any reference or prediction, so there is nothing to compare.", "warning")]
    words = (
        f"{cases} cases of {len(results.domains)} domains were compared with the reference. The model agrees best in "
        f"{best['domain']} and least in {worst['domain']}."
    )
    return [paragraph(words, "lead"), key_numbers(boxes)]


def _score_table(results: Results, names: Mapping[str, str], metric: str) -> str:
    """Return one row per domain and one column per class, or the other way round for many classes."""
    columns = ["all structures", *(names[key] for key in results.classes)] if len(names) > 1 else ["all structures"]
    lines = []
    for domain in results.domains:
        scores = [results.foreground[domain][metric]]
        scores += [results.by_class[domain][key][metric] for key in results.classes] if len(names) > 1 else []
        lines.append([_score(score) for score in scores])
    labels = [f"{domain} ({results.case_counts[domain]} cases)" for domain in results.domains]
    if len(results.classes) > _MANY_CLASSES:
        lines = [list(line) for line in zip(*lines, strict=True)]
        labels, columns = columns, labels
    first = "Structure" if len(results.classes) > _MANY_CLASSES else "Domain"
    return table([first, *columns], [[label, *line] for label, line in zip(labels, lines, strict=True)])


def _score(score: Score) -> Markup:
    if score.low is None or score.high is None:
        return Markup(_number(score.mean))
    return Markup(f'{_number(score.mean)} <span class="interval">[{_number(score.low)}, {_number(score.high)}]</span>')


def _case(case: BadCase, facts: ModelFacts, results: Results, folders: PictureFolders) -> list[str]:
    origin = f", domain {case.domain}" if case.domain else ""
    title = heading(f"{case.case}{origin}: Dice {_number(case.dice)}", 3)
    try:
        picture = read_case_picture(case, folders, facts.file_ending)
    except ImageProblemError as problem:
        return [title, paragraph(f"No picture: {problem}.", "note")]
    titles = {key: f"{facts.name_of(key)}: Dice {_number(case.dice_by_class.get(key))}" for key in results.classes}
    plane = "" if picture.plane is None else f"Plane {picture.plane}, where reference and prediction differ most. "
    return [
        title,
        figure(
            overlay_figure(picture, titles),
            f"{plane}Reference solid yellow, prediction dashed light blue.",
            f"Case {case.case}: image, and outlines of reference and prediction for each structure",
        ),
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
