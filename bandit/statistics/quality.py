"""Checks of how the data were collected: who was assigned, what came back, and whether there is enough.

Each is a function of counts and answers a finding, or None where there is nothing to say. Those that look at values
and at time are in `outliers`, `stability` and `starvation`.
"""

from collections.abc import Sequence

from bandit.statistics import contingency
from bandit.statistics.finding import Finding, p_text, percent
from bandit.statistics.proportion import Proportion
from bandit.statistics.sample_ratio import SampleRatio

CROSSED = 0.01
"""Share of units in two variants from which the effect is diluted enough to matter."""
MISSING = 0.2
"""Share of trials without a reward from which those that have one need not be like the others."""
DIFFERING = 0.001
"""P-value below which missing rewards are said to differ between variants."""


def sample_ratio(keys: Sequence[str], test: SampleRatio) -> Finding | None:
    """A finding where the numbers of units do not fit the weights.

    Args:
        keys: Of the variants.
        test: From `sample_ratio`.
    """
    if not test.mismatch:
        return None
    shares = zip(keys, test.observed, test.expected, strict=True)
    seen = ", ".join(f"{key} has {observed:,.0f} units for {expected:,.0f}" for key, observed, expected in shares)
    return Finding(
        kind="sample_ratio",
        severity="critical",
        message=f"Units are not split as the weights say: {seen} expected ({p_text(test.p_value)}).",
        recommendation=(
            "Do not use the results. Units get lost, or are added, after the draw: look for redirects, crashes, bots,"
            " logging that depends on the variant, and changes in mid-flight; then start again."
        ),
        numbers={
            "p_value": test.p_value,
            "statistic": test.statistic,
            **{f"observed_{key}": value for key, value in zip(keys, test.observed, strict=True)},
            **{f"expected_{key}": value for key, value in zip(keys, test.expected, strict=True)},
        },
    )


def crossed(units: float, in_two: float) -> Finding | None:
    """A finding where units saw more than one variant.

    Args:
        units: All units.
        in_two: Those that were given two variants or more.
    """
    if not in_two > 0.0:
        return None
    share = in_two / units
    return Finding(
        kind="units_in_two_variants",
        severity="critical" if share >= CROSSED else "warning",
        message=f"{in_two:,.0f} of {units:,.0f} units ({percent(share)}) were given more than one variant.",
        recommendation=(
            "Make the experiment sticky, with an identifier that the unit keeps across devices and log-ins. What these"
            " units did counts for one variant only, and brings the variants closer together than they are."
        ),
        numbers={"units": units, "in_two": in_two, "share": share},
    )


def missing_rewards(keys: Sequence[str], trials: Sequence[float], rewarded: Sequence[float]) -> Finding | None:
    """A finding where many trials have no reward, or where that depends on the variant.

    Args:
        keys: Of the variants.
        trials: Of each, those whose window has closed; a reward that may still come is not missing.
        rewarded: How many of them have a value.
    """
    served = [place for place, count in enumerate(trials) if count > 0.0]
    if not served:
        return None
    absent = [trials[place] - rewarded[place] for place in served]
    shares = [missing / trials[place] for missing, place in zip(absent, served, strict=True)]
    share = sum(absent) / sum(trials)
    arms = [Proportion(missing, trials[place]) for missing, place in zip(absent, served, strict=True)]
    p_value = contingency.homogeneity(arms).p_value if len(arms) > 1 else 1.0
    differ = p_value < DIFFERING
    if not differ and share < MISSING:
        return None
    by_variant = ", ".join(f"{keys[place]} {percent(part)}" for place, part in zip(served, shares, strict=True))
    message = f"{percent(share)} of the trials have no reward ({by_variant})"
    advice = "Find out why. Where silence means nothing happened, give the metric a default for missing rewards."
    if differ:
        message += f", and how many depends on the variant ({p_text(p_value)})"
        advice = "Do not compare the means of those that answered: they are not alike. " + advice
    return Finding(
        kind="missing_rewards",
        severity="critical" if differ else "warning",
        message=message + ".",
        recommendation=advice,
        numbers={
            "share": share,
            "p_value": p_value,
            **{f"share_{keys[place]}": part for place, part in zip(served, shares, strict=True)},
        },
    )


def too_few_units(keys: Sequence[str], units: Sequence[float], least: float = 1000.0) -> Finding | None:
    """A finding where some variant has fewer units than a gate asks for."""
    few = [(key, count) for key, count in zip(keys, units, strict=True) if count < least]
    if not few:
        return None
    listed = ", ".join(f"{key} has {count:,.0f}" for key, count in few)
    return Finding(
        kind="too_few_units",
        severity="info",
        message=f"Fewer than {least:,.0f} units a variant: {listed}.",
        recommendation="Keep collecting. Estimates from so few move a lot from day to day.",
        numbers={"least": least, **{f"units_{key}": count for key, count in few}},
    )


def too_few_days(days: float, least: float = 7.0) -> Finding | None:
    """A finding where less time has passed than a gate asks for."""
    if days >= least:
        return None
    return Finding(
        kind="too_few_days",
        severity="info",
        message=f"The experiment has run for {days:.3g} days of {least:g}.",
        recommendation="Keep collecting for whole weeks: people differ between weekdays and weekends.",
        numbers={"days": days, "least": least},
    )
