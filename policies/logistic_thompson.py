"""Thompson sampling with logistic models."""

import math
from typing import ClassVar, Literal

import numpy as np

from policies.best import best_normal
from policies.choice import greatest_normal
from policies.kernel import RECORD, SELECT, WEIGHTS, Array, kernel
from policies.linear import LinearModel, fit, scores, solve_lower
from policies.record import add_response, add_trial, dimension, features
from policies.statistics import columns


@kernel
def score(stats: Array, context: Array, arm: int, params: Array) -> tuple[float, float]:
    """Mean and variance of the log odds of one arm."""
    size = dimension(stats)
    factor, solution, v = np.empty((size, size)), np.empty(size), np.empty(size)
    fit(stats, arm, params, factor, solution)
    variance, mean = solve_lower(factor, features(stats, context, arm), v), 0.0
    for i in range(size):
        mean += v[i] * solution[i]
    return mean, variance


@kernel
def laplace(mean: float, variance: float, reward: float) -> tuple[float, float]:
    """The Gaussian factor, information and information * centre, that stands for one reward's likelihood.

    At the mode of Gaussian prior times likelihood, which solves eta = mean + variance * (reward - sigma(eta)), the
    factor has the likelihood's slope and curvature. Newton's method, within a bracket that it may not leave.
    """
    low, high, eta = mean - variance * (1.0 - reward), mean + variance * reward, mean
    for _ in range(100):
        rate = 1.0 / (1.0 + math.exp(-eta))
        excess = eta - mean - variance * (reward - rate)
        if excess > 0.0:
            high = eta
        else:
            low = eta
        step = excess / (1.0 + variance * rate * (1.0 - rate))
        if abs(step) <= 1e-12 * (1.0 + abs(eta)):
            break
        eta -= step
        if not low < eta < high:
            eta = 0.5 * (low + high)
    rate = 1.0 / (1.0 + math.exp(-eta))
    information = rate * (1.0 - rate)
    return information, information * eta + (reward - rate)


@kernel(WEIGHTS)
def logistic_thompson_weights(stats: Array, context: Array, _t: float, params: Array, out: Array) -> None:
    """The probability that an arm's log odds are the greatest, by quadrature."""
    mean, sd = np.empty(out.shape[0]), np.empty(out.shape[0])
    scores(stats, context, params, mean, sd)
    best_normal(mean, sd, out)


@kernel(SELECT)
def logistic_thompson_select(stats: Array, context: Array, _t: float, params: Array, rng: np.random.Generator) -> int:
    """The arm with the greatest of one draw of each arm's log odds."""
    mean, sd = np.empty(stats.shape[0]), np.empty(stats.shape[0])
    scores(stats, context, params, mean, sd)
    return greatest_normal(mean, sd, rng)


@kernel(RECORD)
def logistic_thompson_record(
    stats: Array, context: Array, arm: int, reward: float, propensity: float, weight: float, params: Array
) -> None:
    """Add a trial, `weight` times: its likelihood as a Gaussian factor, by what the sums tell of the arm until then."""
    mean, variance = score(stats, context, arm, params)
    information, response = laplace(mean, variance, reward)
    add_trial(stats[arm], reward, propensity, weight)
    add_response(stats[arm], features(stats, context, arm), weight * response, weight * information)


class LogisticThompson(LinearModel):
    """An arm's probability is that of its log odds x^T theta being the greatest under Gaussian posteriors of theta.

    The posterior is Laplace's approximation, online. A reward's likelihood is replaced by a Gaussian factor in the log
    odds with its slope and curvature at the posterior mode, given a mean and variance that stand for what the other
    trials tell. So the columns that hold sums of reward * x and x x^T for linear rewards hold here the sums of
    information * centre * x and information * x x^T; theta's precision is the latter plus the regulariser. These are
    sums too, but other ones than those of the linear policies, so that changing between them means to enter all trials
    anew.

    The mean and variance are those of the drawn arm's log odds. The kernel `record` takes them from the sums as they
    are when the reward comes, as a simulation does. Where rewards are late or corrected, they are kept with the
    decision (`note`, from the sums that it was drawn from) and `trial` takes those: then a factor depends neither on
    when its reward came nor on what came before, a correction takes off just what was added, and the sums merge, fade
    and replay like all others. The two are the same where every reward comes before the next decision.

    Early trials are approximated where little was known, and stay so: with a thousand decisions drawn before the first
    of their rewards came, their notes make the posterior lean toward even odds and keep it cautious, until later trials
    outweigh them or all are entered anew. The prior of theta is centred at zero with the variance 1 / regulariser; put
    a constant among the features for an intercept. Of a shared model the log odds are drawn independently, as in
    `lin_thompson`. No bound of the regret is proven for the approximation.

    Source: Chapelle and Li, "An empirical evaluation of Thompson sampling", NIPS 2011, algorithm 3; the whole
    matrix in place of its diagonal: Spiegelhalter and Lauritzen, "Sequential updating of conditional probabilities on
    directed graphical structures", Networks 20, 1990, for one trial at a time.
    """

    weights = staticmethod(logistic_thompson_weights)
    select = staticmethod(logistic_thompson_select)
    record = staticmethod(logistic_thompson_record)
    rewards: ClassVar[Literal["any", "unit"]] = "unit"

    name: Literal["logistic_thompson"] = "logistic_thompson"

    def note(self, stats: Array, features: Array, arm: int, params: Array) -> tuple[float, ...]:
        """Mean and variance of the drawn arm's log odds."""
        mean, variance = score(stats, features, arm, params)
        return mean, variance

    def trial(
        self,
        features: Array,
        reward: float,
        propensity: float,
        weight: float,
        params: Array,  # noqa: ARG002
        note: tuple[float, ...],
    ) -> Array:
        """What a rewarded trial adds: its likelihood as a Gaussian factor, by what was known at the decision."""
        mean, variance = note
        information, response = laplace(mean, variance, reward)
        row = np.zeros(columns(features.shape[0]))
        add_trial(row, reward, propensity, weight)
        add_response(row, features, weight * response, weight * information)
        return row
