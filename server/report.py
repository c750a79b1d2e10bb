"""Results for people: as text, as Markdown, and as a page of HTML."""

import html
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from bandit.results import ComparisonResult, Results

HEADLINES = {
    "keep_collecting": "Keep collecting",
    "ship": "Ship {}",
    "no_difference": "No difference worth having",
    "harmful": "Harmful: {}",
    "not_trustworthy": "Data not trustworthy",
}

_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1c2733}
table{border-collapse:collapse;margin:1rem 0;display:block;overflow-x:auto}th,td{padding:.3rem .8rem;text-align:right;
border-bottom:1px solid #d5dde5;font-variant-numeric:tabular-nums;white-space:nowrap}th:first-child,td:first-child
{text-align:left}h1{margin-bottom:0}"""

Rows = Sequence[Sequence[str]]


class Section(NamedTuple):
    """A part of a report: a title, sentences, and a table whose first row is its head."""

    title: str
    sentences: Sequence[str] = ()
    rows: Rows = ()


def sections(results: Results) -> list[Section]:
    """What there is to say, the most important first."""
    verdict = results.verdict
    found = [
        Section(f"{results.experiment}: {results.status}, epoch {results.epoch}"),
        Section(HEADLINES[verdict.decision].format(verdict.variant), verdict.reasons),
        Section("Variants", (), _variants(results)),
    ]
    if results.comparisons:
        refused = [f"{one.metric}, {one.variant}: {one.refused}." for one in results.comparisons if one.refused]
        warned = [f"{one.metric}, {one.variant}: {text}." for one in results.comparisons for text in one.warnings]
        withheld = [results.withheld] if results.withheld else []
        compared = [one for one in results.comparisons if one.effect is not None]
        found.append(Section("Against the control", [*refused, *warned, *withheld], _comparisons(compared)))
    if results.quality:
        sentences = [f"{one.severity}: {one.message} {one.recommendation}" for one in results.quality]
        found.append(Section("Quality of the data", sentences))
    return found


def text(results: Results) -> str:
    """The report for a terminal."""
    parts = []
    for section in sections(results):
        parts.append("\n".join([section.title, *(f"  {sentence}" for sentence in section.sentences)]))
        if section.rows:
            parts.append(aligned(section.rows))
    return "\n\n".join(parts)


def markdown(results: Results) -> str:
    """The report as Markdown."""
    parts = []
    for place, section in enumerate(sections(results)):
        parts.append(f"{'#' if place == 0 else '##'} {_escaped(section.title)}")
        parts.append("\n".join(f"- {_escaped(sentence)}" for sentence in section.sentences))
        if section.rows:
            head, *rows = section.rows
            rule = [":--", *["--:"] * (len(head) - 1)]
            cells = [head, rule, *([_escaped(cell) for cell in row] for row in rows)]
            parts.append("\n".join(f"| {' | '.join(row)} |" for row in cells))
    return "\n\n".join(part for part in parts if part) + "\n"


def page(results: Results) -> str:
    """The report as a page of HTML that needs nothing else."""
    parts = []
    for place, section in enumerate(sections(results)):
        level = 1 if place == 0 else 2
        parts.append(f"<h{level}>{html.escape(section.title)}</h{level}>")
        if section.sentences:
            items = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in section.sentences)
            parts.append(f"<ul>{items}</ul>")
        if section.rows:
            head, *rows = section.rows
            lines = "".join(f"<tr>{_cells('td', row)}</tr>" for row in rows)
            parts.append(f"<table><thead><tr>{_cells('th', head)}</tr></thead><tbody>{lines}</tbody></table>")
    title = html.escape(results.experiment)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body>{''.join(parts)}</body></html>\n"
    )


FORMATS: Mapping[str, Callable[[Results], str]] = {
    "text": text,
    "json": lambda results: results.model_dump_json(indent=2),
    "markdown": markdown,
    "html": page,
}


def moment(at: float | None) -> str:
    """A time, given in seconds since 1970."""
    return "-" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def aligned(rows: Rows) -> str:
    """Columns, the first to the left and numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    )


def _variants(results: Results) -> Rows:
    metrics = list(results.variants[0].metrics)
    head = ["variant", "decisions", "units", "weight", "P(best)", *(f"{metric} (n)" for metric in metrics)]
    rows = [
        [
            variant.key,
            str(variant.decisions),
            str(variant.units),
            f"{variant.weight:.4f}",
            f"{variant.p_best:.4f}",
            *(_mean(variant.metrics[metric].mean, variant.metrics[metric].count) for metric in metrics),
        ]
        for variant in results.variants
    ]
    return [head, *rows]


def _comparisons(compared: Sequence[ComparisonResult]) -> Rows:
    if not compared:
        return ()
    head = ["metric", "variant", "effect", "interval", "relative", "p", "significant", "method"]
    rows = [
        [
            one.metric,
            one.variant,
            _signed(one.effect),
            f"{_signed(one.interval[0], '-inf')} to {_signed(one.interval[1], 'inf')}",
            "-" if one.relative_effect is None else f"{100.0 * one.relative_effect:+.3g}%",
            "-" if one.p_value is None else f"{one.p_value:.2g}",
            "yes" if one.significant else "no",
            one.method or "-",
        ]
        for one in compared
    ]
    return [head, *rows]


def _mean(mean: float | None, count: float) -> str:
    return "-" if mean is None else f"{mean:.5g} ({count:.0f})"


def _signed(number: float | None, none: str = "-") -> str:
    return none if number is None else f"{number:+.4g}"


def _escaped(sentence: str) -> str:
    return "".join(f"\\{letter}" if letter in "|*_<`[" else letter for letter in sentence)


def _cells(tag: str, row: Sequence[str]) -> str:
    return "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row)
