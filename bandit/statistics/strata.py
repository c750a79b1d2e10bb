"""Post-stratification: arms compared within strata, so that chance differences in their mix do not matter."""

from collections.abc import Hashable, Mapping

from bandit.statistics.comparison import Alternative, Refused
from bandit.statistics.covariates import AdjustedComparison, with_reduction
from bandit.statistics.estimate import Estimate, compared, satterthwaite
from bandit.statistics.means import of_sample
from bandit.statistics.sample import Sample


def post_stratified(
    treatment: Mapping[Hashable, Sample],
    control: Mapping[Hashable, Sample],
    shares: Mapping[Hashable, float] | None = None,
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
) -> AdjustedComparison:
    """The mean over strata of the difference within each, weighted by the share of the units that are in it.

    The strata must be known from before the experiment. The interval is for these units' mix of strata, or for the one
    that is given; it holds for many units in each stratum.

    Args:
        treatment: The sample of each stratum.
        control: Likewise.
        shares: How common each stratum is where the answer is to hold, in any unit; by default as in both arms.
        alpha: One less the level of the intervals.
        alternative: Which side.

    Raises:
        ValueError: See `tails.check`; or the shares are not those of the strata, or negative, or all zero.
        Refused: An arm has fewer than two units in a stratum, or no values vary.

    Source: Miratrix, Sekhon and Yu, "Adjusting treatment effect estimates by post-stratification in randomized
    experiments", Journal of the Royal Statistical Society B 75, 2013.
    """
    strata = [*dict.fromkeys((*treatment, *control))]
    if shares is None:
        shares = {key: sum(arm[key].count for arm in (treatment, control) if key in arm) for key in strata}
    elif set(shares) != set(strata):
        raise ValueError(f"shares: given for {sorted(map(str, shares))}, must be for {sorted(map(str, strata))}")
    if not all(share >= 0.0 for share in shares.values()) or not sum(shares.values()) > 0.0:
        raise ValueError(f"shares: {list(shares.values())} given, must be 0 or more, and not all 0")
    adjusted = [_weighted(arm, name, shares) for arm, name in ((treatment, "treatment"), (control, "control"))]
    plain = [of_sample(_merged(arm)) for arm in (treatment, control)]
    comparison = compared("post_stratified", *adjusted, alpha=alpha, alternative=alternative)
    return with_reduction(comparison, adjusted, plain)


def _weighted(arm: Mapping[Hashable, Sample], name: str, shares: Mapping[Hashable, float]) -> Estimate:
    total = sum(shares.values())
    value, parts = 0.0, []
    for key, share in shares.items():
        sample = arm.get(key)
        if sample is None or not sample.count >= 2.0:
            count = sample.count if sample else 0.0
            raise Refused(
                "post_stratified", f"stratum {key!r} has {count:g} units in the {name}, of two needed", "coarser strata"
            )
        weight = share / total
        value += weight * sample.mean
        parts.append(Estimate(0.0, weight * weight * sample.variance / sample.count, sample.count - 1.0))
    return Estimate(value, sum(part.variance for part in parts), satterthwaite(*parts))


def _merged(arm: Mapping[Hashable, Sample]) -> Sample:
    merged = Sample(0.0, 0.0, 0.0)
    for sample in arm.values():
        merged += sample
    return merged
