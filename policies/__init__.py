"""Bandit policies as pure numerics: sufficient statistics, posteriors, compiled kernels.

A policy is a class of parameters with two kernels, `weights` and `select`, that read one matrix of sums; see
`policies.statistics` for the matrix, `policies.policy` for the class and `policies.kernel` for the signatures.
"""

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from policies.duration import Duration
from policies.epsilon_greedy import EpsilonGreedy
from policies.fixed import Fixed
from policies.kernel import SELECT, WEIGHTS, kernel
from policies.kl_ucb import KLUCB
from policies.policy import Policy
from policies.softmax import Softmax
from policies.statistics import COLUMNS, COUNT, SQUARES, SUM, WEIGHTED
from policies.thompson_beta import ThompsonBeta
from policies.thompson_normal import ThompsonNormal
from policies.ucb import UCB1

POLICIES: dict[str, type[Policy]] = {
    policy.model_fields["name"].default: policy
    for policy in (
        Fixed,
        EpsilonGreedy,
        Softmax,
        UCB1,
        KLUCB,
        ThompsonBeta,
        ThompsonNormal,
    )
}
"""Every policy by its name in JSON: a new one is a class and a line here."""

if TYPE_CHECKING:
    AnyPolicy = Policy
else:
    AnyPolicy = Annotated[Union[tuple(POLICIES.values())], Field(discriminator="name")]  # noqa: UP007

__all__ = [
    "COLUMNS",
    "COUNT",
    "KLUCB",
    "POLICIES",
    "SELECT",
    "SQUARES",
    "SUM",
    "UCB1",
    "WEIGHTED",
    "WEIGHTS",
    "AnyPolicy",
    "Duration",
    "EpsilonGreedy",
    "Fixed",
    "Policy",
    "Softmax",
    "ThompsonBeta",
    "ThompsonNormal",
    "kernel",
]
