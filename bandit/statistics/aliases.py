"""What a factorial design can tell apart, and what it mixes."""

from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ZERO = 1e-9
"""What rounding may leave of nothing, beside the length of a column."""


def contrasts(factors: Mapping[str, Sequence[Hashable]], keys: Sequence[tuple[Hashable, ...]]) -> dict[str, Array]:
    """The columns of every main effect and interaction, which sum to zero over the levels of each factor.

    Args:
        factors: The levels of each.
        keys: The cells: a level of each factor.

    Returns:
        By name, simplest first; a row a cell, a column a degree of freedom. For two levels it holds -1 and 1.

    Raises:
        ValueError: A cell is no combination of levels.
    """
    mains = {}
    for position, (name, levels) in enumerate(factors.items()):
        last = len(levels) - 1
        coding = np.vstack([-np.ones(last), np.eye(last)])
        where = {level: index for index, level in enumerate(levels)}
        for key in keys:
            if len(key) != len(factors) or key[position] not in where:
                raise ValueError(f"cells: {key!r} given, must have a level of each of {', '.join(factors)}")
        mains[name] = coding[[where[key[position]] for key in keys]]
    columns = {}
    for order in range(1, len(factors) + 1):
        for names in combinations(factors, order):
            product = np.ones((len(keys), 1))
            for name in names:
                product = (product[:, :, None] * mains[name][:, None, :]).reshape(len(keys), -1)
            columns[":".join(names)] = product
    return columns


def estimable(columns: Mapping[str, Array]) -> tuple[list[str], dict[str, list[str]]]:
    """Which terms a design can tell from simpler ones, and what else is mixed into each.

    Args:
        columns: Of every term, as `contrasts` gives them.

    Returns:
        The terms that add to what went before. For each of them, and under "" for the mean, the terms that bias it
        unless they are zero: those with an entry in the alias matrix.

    Source: Box and Wilson, "On the experimental attainment of optimum conditions", Journal of the Royal Statistical
    Society B 13, 1951, for the alias matrix.
    """
    basis = np.ones((len(next(iter(columns.values()))), 1))
    basis /= np.linalg.norm(basis)
    kept, rest = [], []
    for name, block in columns.items():
        outside = block - basis @ (basis.T @ block)
        svd = np.linalg.svd(outside, full_matrices=False)
        new = svd.U[:, svd.S / np.linalg.norm(block) > ZERO]
        if new.shape[1] < block.shape[1]:
            rest.append(name)
        else:
            kept.append(name)
            basis = np.hstack([basis, new])
    aliases: dict[str, list[str]] = {"": [], **{name: [] for name in kept}}
    blocks = [np.ones((len(basis), 1)), *(columns[name] for name in kept)]
    inverse = np.linalg.pinv(np.hstack(blocks))
    edges = np.cumsum([block.shape[1] for block in blocks])[:-1]
    for name in rest:
        parts = np.split(inverse @ columns[name], edges)
        for keeper, part in zip(aliases, parts, strict=True):
            if np.abs(part).max() > ZERO:
                aliases[keeper].append(name)
    return kept, aliases
