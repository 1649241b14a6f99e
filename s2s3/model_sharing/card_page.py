"""The card of a model as text: MODEL_CARD.md, and the few lines that an installation shows."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from s1.json_schema import escaped

Card = Mapping[str, Any]
_MOST_DOMAINS = 6
_LONGEST_LINE = 240
_ABOUT_FILES = (
    "The SHA-256 of every file is in `drift_model_card.json`; installing the model compares them. They show damage, "
    "not who made the file."
)


def card_lines(card: Card) -> list[str]:
    """Return what somebody who installed a model should know, in a few short lines without control characters."""
    training, scores = card["training"], card["scores"]
    lines = [f"trained on {_cases(training)}{_domains(training['domains'])}"]
    lines += [_scored(scores[0])] if scores else ["no scores"]
    lines += [f"for {card['intended_use']}", f"not tested on {'; '.join(card['not_tested_on'])}"]
    lines.append(f"{len(card['files'])} file(s), each with the SHA-256 that the card says")
    return [_shortened(escaped(line)) for line in lines]


def _cases(training: Mapping[str, Any]) -> str:
    return "a number of cases that is not known" if training["cases"] is None else f"{training['cases']} case(s)"


def _domains(domains: Mapping[str, int]) -> str:
    if not domains:
        return ""
    return f" of {len(domains)} domain(s): {_listed([f'{name} {count}' for name, count in domains.items()])}"


def _scored(scores: Mapping[str, Any]) -> str:
    where = f"{scores['cases']} {'training' if scores['on_training_images'] else 'validation'} case(s)"
    by_domain = [f"{name} {_interval(one['foreground']['Dice'])}" for name, one in scores["domains"].items()]
    return f"Dice {_number(scores['dice'])} on {where}{', ' if by_domain else ''}{_listed(by_domain)}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_DOMAINS} more" if len(names) > _MOST_DOMAINS else ""
    return ", ".join(names[:_MOST_DOMAINS]) + more


def _shortened(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]} ..."


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _interval(score: Mapping[str, Any]) -> str:
    low, high = score["interval"]
    interval = "" if low is None or high is None else f" [{_number(low)}, {_number(high)}]"
    return f"{_number(score['mean'])}{interval}"


def card_page(card: Card) -> str:
    """Return MODEL_CARD.md."""
    model, training = card["model"], card["training"]
    parts = [
        f"# {_cell(model['dataset'])} {_cell(model['configuration'])}",
        f"**Intended use:** {_cell(card['intended_use'])}",
        "**Not tested on:**\n\n" + "\n".join(f"- {_cell(text)}" for text in card["not_tested_on"]),
        "## Training\n\n" + "\n".join(_facts(model, training)),
        *([_table(("domain", "cases"), training["domains"].items())] if training["domains"] else []),
        "## Scores\n\n"
        + ("Dice, with the 95 % interval over cases." if card["scores"] else "None: no fold was validated."),
        *(_scores_part(scores) for scores in card["scores"]),
        f"## Files\n\n{_ABOUT_FILES}\n\nMade by {_pairs(card['made_by'])}.",
    ]
    return "\n\n".join(parts) + "\n"


def _facts(model: Mapping[str, Any], training: Mapping[str, Any]) -> Iterator[str]:
    yield f"- model: {_cell(model['trainer'])}, {_cell(model['plans'])}, folds {_cell(', '.join(model['folds']))}"
    yield f"- cases: {_cell(training['cases'] if training['cases'] is not None else 'not known')}"
    yield f"- channels: {_cell(', '.join(training['channels']) or 'not named')}"
    yield f"- labels: {_cell(', '.join(training['labels']))}"
    for key in ("spacing", "patch_size"):
        if training[key]:
            yield f"- {key.replace('_', ' ')}: {' x '.join(f'{size:g}' for size in training[key])}"
    if training["made_with"]:
        yield f"- made with: {_pairs(training['made_with'])}"


def _pairs(entries: Mapping[str, str]) -> str:
    return ", ".join(f"{_cell(key)} {_cell(value)}" for key, value in entries.items())


def _scores_part(scores: Mapping[str, Any]) -> str:
    """Return the scores of one evaluation, by domain and class where it has domains."""
    warning = "\n\nThese are the images that it was trained on." if scores["on_training_images"] else ""
    head = f"### `{_cell(scores['source'])}`: {scores['cases']} case(s){warning}"
    classes = list(scores["dice_by_class"])
    rows: list[tuple[Any, ...]] = [
        (name, one["cases"], _interval(one["foreground"]["Dice"]), *(_of_class(one, key) for key in classes))
        for name, one in scores["domains"].items()
    ]
    rows.append(("all", scores["cases"], _number(scores["dice"]), *map(_number, scores["dice_by_class"].values())))
    return f"{head}\n\n{_table(('', 'cases', 'foreground', *(f'class {key}' for key in classes)), rows)}"


def _of_class(domain: Mapping[str, Any], key: str) -> str:
    return _interval(domain["classes"][key]["Dice"]) if key in domain["classes"] else "-"


def _table(header: Sequence[str], rows: Any) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    """Return a value from a file as text that stays within its line, its cell and its markup."""
    text = escaped(value)
    return "".join(f"\\{sign}" if sign in "|`*_<>[]#\\" else sign for sign in text)
