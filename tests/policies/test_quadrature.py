import numpy as np
import pytest
from numpy.polynomial import Polynomial
from scipy.integrate import quad

from policies.quadrature import NODES, ORDER, rule, running, total


@pytest.mark.parametrize("order", [2, 5, 12, 20])
def test_the_rule_integrates_polynomials_exactly(order):
    nodes, weights, matrix = rule(order)
    rng = np.random.default_rng(order)
    full = Polynomial(rng.normal(size=2 * order))
    assert weights @ full(nodes) == pytest.approx(full.integ(lbnd=-1)(1), abs=1e-13)
    interpolated = Polynomial(rng.normal(size=order))
    np.testing.assert_allclose(matrix @ interpolated(nodes), interpolated.integ(lbnd=-1)(nodes), atol=1e-13)


def test_running_and_total_against_adaptive_quadrature():
    def density(x):
        return np.exp(-(x**2) - 0.3 * x)

    values, out = density(NODES), np.empty(ORDER)
    running(values, 0.25, out)
    expected = [0.25 + quad(density, -1, node, epsabs=1e-13)[0] for node in NODES]
    np.testing.assert_allclose(out, expected, atol=2e-11)
    assert total(values) == pytest.approx(quad(density, -1, 1, epsabs=1e-14)[0], abs=1e-14)
