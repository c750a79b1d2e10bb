"""Regular fractions, against the tables of designs that books print."""

import itertools

import pytest

from bandit.statistics.aliases import contrasts, estimable
from bandit.statistics.fractions import generators, resolution, runs

NAMES = "abcdefghij"

# Montgomery, "Design and Analysis of Experiments", table 8.14: factors, runs and resolution of the recommended designs.
TABLE = [
    (3, 4, 3),
    (4, 8, 4),
    (5, 8, 3),
    (5, 16, 5),
    (6, 8, 3),
    (6, 16, 4),
    (6, 32, 6),
    (7, 8, 3),
    (7, 16, 4),
    (7, 64, 7),
    (8, 16, 4),
    (8, 64, 5),
    (9, 16, 3),
    (9, 32, 4),
    (9, 128, 6),
    (10, 16, 3),
    (10, 32, 4),
    (10, 128, 5),
]


@pytest.mark.parametrize(("factors", "size", "expected"), TABLE)
def test_designs_are_as_small_as_the_tables(factors, size, expected):
    names = NAMES[:factors]
    found = generators(names, expected)
    assert len(runs(names, found)) == size
    assert resolution(names, found) == expected


def test_what_takes_all_combinations_has_no_fraction():
    assert generators("abc", 4) is None
    assert generators("ab", 3) is None


def test_the_shortest_product_of_generators_is_the_resolution():
    # d = ab, e = ac: defining words abd, ace and their product bcde.
    assert resolution("abcde", {"d": "ab", "e": "ac"}) == 3
    # d = abc, e = bcd is no generator of basic ones; e = abc would be d itself: a word of length 2.
    assert resolution("abcde", {"d": "abc", "e": "abc"}) == 2


@pytest.mark.parametrize(("factors", "least"), [(4, 4), (5, 3), (5, 5), (6, 4), (7, 3)])
def test_the_resolution_is_what_the_analysis_can_tell_apart(factors, least):
    names = NAMES[:factors]
    tried = runs(names, generators(names, least))
    assert len(set(tried)) == len(tried)
    assert tried[0] == (0,) * factors
    _, aliases = estimable(contrasts(dict.fromkeys(names, (0, 1)), tried))
    shortest = min(
        len(kept.split(":")) + len(other.split(":")) if kept else len(other.split(":"))
        for kept, others in aliases.items()
        for other in others
    )
    assert shortest == least


def test_every_level_is_tried_as_often_with_every_level_of_another_factor():
    tried = runs("abcde", generators("abcde", 3))
    for one, other in itertools.combinations(range(5), 2):
        pairs = [(run[one], run[other]) for run in tried]
        assert {pairs.count(pair) for pair in set(pairs)} == {2}
        assert len(set(pairs)) == 4
