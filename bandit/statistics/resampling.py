"""How often to draw again, and how much at once."""

from collections.abc import Iterator

BLOCK = 2_000_000
"""So many values are drawn at once, whatever the number of resamples: some 50 MB."""


def blocks(resamples: int, size: int) -> Iterator[int]:
    """Numbers of resamples of `size` values to draw at once, which add up to all of them."""
    most = max(1, BLOCK // size)
    for begun in range(0, resamples, most):
        yield min(most, resamples - begun)


def enough(resamples: int, alpha: float) -> None:
    """Refuses so few resamples that none may lie beyond the end of an interval.

    Raises:
        ValueError: `alpha (resamples + 1)` is less than 1.
    """
    if alpha * (resamples + 1) < 1.0:
        raise ValueError(f"resamples: {resamples} given, must be at least {1.0 / alpha - 1.0:.0f} for alpha {alpha:g}")
