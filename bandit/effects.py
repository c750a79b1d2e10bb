"""How the effects of an experiment's factors are shown."""

from pydantic import Field

from bandit.model import Model


class Effect(Model):
    """A main effect, or an interaction, tested beside all others (type III).

    `estimate` is for factors of two levels: the mean at the second level less that at the first, whatever the others
    are; of an interaction, half of what one factor changes in the effect of the others. `aliases` are effects that this
    design cannot tell from it: it is their mixture.
    """

    term: str = Field(description="A factor, or factors joined by a colon.")
    degrees: int
    f: float | None
    p_value: float | None
    adjusted_p_value: float | None = Field(description="After Holm's correction for the number of effects.")
    significant: bool = Field(description="Whether the adjusted p-value is at most the analysis's alpha.")
    estimate: float | None
    interval: tuple[float | None, float | None] | None = Field(description="Of this effect alone, not corrected.")
    aliases: list[str]


class Factorial(Model):
    """An analysis of variance of an experiment's factors; none, and `refused` says why, where it would not be valid."""

    experiment: str
    metric: str
    alpha: float
    correction: str = "holm"
    units: int
    effects: list[Effect]
    mean_aliases: list[str] = Field(description="Effects that this design cannot tell from the mean of all.")
    warnings: list[str]
    refused: str | None = None
