"""Bandit policies as pure numerics: sufficient statistics, posteriors, compiled kernels.

A policy is a class of parameters with two kernels, `weights` and `select`, that read one matrix of sums; see
`policies.statistics` for the matrix, `policies.policy` for the class and `policies.kernel` for the signatures.
"""

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from policies import catalogue
from policies.bayes_ucb import BayesUCB
from policies.duration import Duration
from policies.epsilon_greedy import EpsilonGreedy
from policies.exp3 import Exp3
from policies.explore_then_commit import ExploreThenCommit
from policies.fixed import Fixed
from policies.kernel import RECORD, SELECT, WEIGHTS, kernel
from policies.kl_ucb import KLUCB
from policies.lin_epsilon_greedy import LinEpsilonGreedy
from policies.lin_thompson import LinThompson
from policies.lin_ucb import LinUCB
from policies.logistic_thompson import LogisticThompson
from policies.moss import MOSS
from policies.policy import Policy
from policies.softmax import Softmax
from policies.statistics import COLUMNS, COUNT, SQUARES, SUM, WEIGHTED
from policies.successive_elimination import SuccessiveElimination
from policies.thompson_beta import ThompsonBeta
from policies.thompson_gamma import ThompsonGamma
from policies.thompson_normal import ThompsonNormal
from policies.top_two_thompson import TopTwoThompson
from policies.ucb import UCB1, UCB1Tuned

POLICIES: dict[str, type[Policy]] = {
    policy.model_fields["name"].default: policy
    for policy in (
        Fixed,
        EpsilonGreedy,
        Softmax,
        ExploreThenCommit,
        SuccessiveElimination,
        UCB1,
        UCB1Tuned,
        MOSS,
        KLUCB,
        BayesUCB,
        ThompsonBeta,
        ThompsonNormal,
        ThompsonGamma,
        TopTwoThompson,
        Exp3,
        LinEpsilonGreedy,
        LinUCB,
        LinThompson,
        LogisticThompson,
    )
}
"""Every policy by its name in JSON: a new one is a class and a line here."""


def table() -> str:
    """Every policy as a Markdown table, for the documentation: what it is for, its parameters and its source."""
    return catalogue.markdown(POLICIES.values())


if TYPE_CHECKING:
    AnyPolicy = Policy
else:
    AnyPolicy = Annotated[Union[tuple(POLICIES.values())], Field(discriminator="name")]  # noqa: UP007

__all__ = [
    "COLUMNS",
    "COUNT",
    "KLUCB",
    "MOSS",
    "POLICIES",
    "RECORD",
    "SELECT",
    "SQUARES",
    "SUM",
    "UCB1",
    "WEIGHTED",
    "WEIGHTS",
    "AnyPolicy",
    "BayesUCB",
    "Duration",
    "EpsilonGreedy",
    "Exp3",
    "ExploreThenCommit",
    "Fixed",
    "LinEpsilonGreedy",
    "LinThompson",
    "LinUCB",
    "LogisticThompson",
    "Policy",
    "Softmax",
    "SuccessiveElimination",
    "ThompsonBeta",
    "ThompsonGamma",
    "ThompsonNormal",
    "TopTwoThompson",
    "UCB1Tuned",
    "kernel",
    "table",
]
