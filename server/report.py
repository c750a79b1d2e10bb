"""Results as a table for people."""

from collections.abc import Sequence

from bandit.results import Results


def table(results: Results) -> str:
    """A line for the experiment and one for each variant, with count and mean of each metric."""
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
    return f"{results.experiment}: {results.status}, epoch {results.epoch}\n\n{aligned([head, *rows])}"


def _mean(mean: float | None, count: float) -> str:
    return "-" if mean is None else f"{mean:.5g} ({count:.0f})"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns, the first to the left and numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    )
