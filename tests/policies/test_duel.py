import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import special, stats
from scipy.integrate import quad

from policies.duel import MOST, duel


def greater(first, second):
    """The two probabilities, or None where no sum gives them."""
    a, b = np.array([first, second], dtype=float).T.copy()
    out = np.full(2, 7.0)
    if duel(a, b, out):
        return out
    assert (out == 7.0).all()
    return None


def counts(most):
    return st.integers(1, most)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.tuples(counts(900), counts(900)), st.tuples(counts(900), counts(900)))
@example((1, 1), (2, 1))
@example((121, 881), (151, 851))
@example((1, 400), (400, 1))
def test_whole_parameters_are_order_statistics(first, second):
    """X > Y if enough of the least of all the uniforms are Y's: a hypergeometric tail."""
    (a, b), (c, d) = first, second
    ways = stats.hypergeom(a + b + c + d - 2, c + d - 1, a + c - 1)
    expected = [ways.sf(c - 1), ways.cdf(c - 1)]
    found = greater(first, second)
    if found is not None:
        np.testing.assert_allclose(found, expected, rtol=1e-9)
    # A sum whose first term might vanish is given only where one of the two is a very small number.
    assert found is not None or min(expected) < 1e-100


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.tuples(counts(30), st.floats(2, 30)), st.tuples(counts(30), st.floats(2, 30)), st.booleans())
def test_one_whole_parameter_of_each_suffices(first, second, swap):
    if swap:
        first, second = first[::-1], second[::-1]
    found = greater(first, second)
    assert found.sum() == pytest.approx(1, abs=1e-12)
    expected = quad(lambda x: stats.beta.pdf(x, *first) * special.betainc(*second, x), 0, 1, epsabs=1e-11, limit=200)
    assert found[0] == pytest.approx(expected[0], abs=1e-9)


def test_what_no_sum_gives_is_left_to_others():
    assert greater((0.5, 1.5), (2.5, 0.5)) is None
    assert greater((1e12, 5), (5, 1e12)) is None
    assert greater((MOST, 1), (1, 1)) is None
    assert greater((1900, 10), (10, 1900)) is None
