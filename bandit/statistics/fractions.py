"""Regular fractions of two-level factorial designs: which combinations are tried, and what that leaves apart.

A factor is a bit, a word a set of them. A generator sets a factor to the sum (modulo 2) of some of the basic ones,
which run through all combinations; so the combination of all first levels is always among those that are tried. The
words that are constant over the design are the generators' and all their products; the length of the shortest is its
resolution: III keeps main effects apart from each other, IV also from interactions of two factors, V those from each
other.

Source: Box and Hunter, "The 2^(k-p) fractional factorial designs", Technometrics 3, 1961.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

Generators = Mapping[str, Sequence[str]]


def resolution(factors: Sequence[str], generators: Generators) -> int:
    """The length of the shortest word that is constant over a design.

    Args:
        factors: All of them.
        generators: What each factor that is not basic is the sum of.
    """
    bit = {factor: 1 << place for place, factor in enumerate(factors)}
    return _shortest(_products([bit[made] | sum(bit[one] for one in of) for made, of in generators.items()]))


def runs(factors: Sequence[str], generators: Generators) -> list[tuple[int, ...]]:
    """The combinations that are tried, as 0 or 1 for each factor; that of all first levels is the first.

    Args:
        factors: All of them.
        generators: What each factor that is not basic is the sum of, in basic ones.
    """
    basic = [factor for factor in factors if factor not in generators]
    tried = []
    for number in range(1 << len(basic)):
        level = {factor: number >> (len(basic) - 1 - place) & 1 for place, factor in enumerate(basic)}
        level |= {made: sum(level[one] for one in of) % 2 for made, of in generators.items()}
        tried.append(tuple(level[factor] for factor in factors))
    return tried


def generators(factors: Sequence[str], least: int) -> dict[str, tuple[str, ...]] | None:
    """Generators of a design of as few runs as a resolution allows; None where only all combinations have it.

    Of the designs with so few runs it is one of the greatest resolution, and made of long words.

    Args:
        factors: All of them, at most 10.
        least: The resolution.
    """
    for basic in range(1, len(factors)):
        best: tuple[int, ...] | None = None
        for length in range(least, len(factors) + 1):
            words = [
                sum(1 << place for place in places)
                for many in range(basic, length - 2, -1)
                for places in combinations(range(basic), many)
            ]
            found = _chosen(words, len(factors) - basic, basic, length, (), [0])
            if found is None:
                break
            best = found
        if best is not None:
            return {
                factors[basic + made]: tuple(factors[place] for place in range(basic) if word >> place & 1)
                for made, word in enumerate(best)
            }
    return None


def _chosen(
    words: Sequence[int], wanted: int, bit: int, least: int, taken: tuple[int, ...], products: list[int]
) -> tuple[int, ...] | None:
    """As many words as are wanted, in order, no product of which is shorter than the resolution."""
    if not wanted:
        return taken
    for place, word in enumerate(words):
        more = [product ^ word ^ 1 << bit for product in products]
        if _shortest(more) >= least:
            found = _chosen(words[place + 1 :], wanted - 1, bit + 1, least, (*taken, word), products + more)
            if found:
                return found
    return None


def _products(words: Sequence[int]) -> list[int]:
    products = [0]
    for word in words:
        products += [product ^ word for product in products]
    return products[1:]


def _shortest(words: Sequence[int]) -> int:
    return min(word.bit_count() for word in words)
