"""Trials that were drawn with other probabilities in every epoch, and their sums."""

import numpy as np

from bandit.statistics.epochs import Epochs

SIZES = (40, 1, 25, 0, 60)


def drawn(seed, *, binary, arms=3, sizes=SIZES, floor=0.05):
    """Trials (epoch, arm, value) and the probabilities of each epoch."""
    rng = np.random.default_rng(seed)
    chance = floor + (1 - arms * floor) * rng.dirichlet(np.ones(arms), len(sizes))
    epoch = np.repeat(np.arange(len(sizes)), sizes)
    arm = np.array([rng.choice(arms, p=chance[each]) for each in epoch])
    value = (rng.random(arm.size) < 0.3 + 0.1 * arm) * 1.0 if binary else rng.normal(arm, 1.0 + arm)
    return epoch, arm, value, chance


def summed(epoch, arm, value, chance, **more):
    sums = np.zeros((3, *chance.shape))
    for power in range(3):
        np.add.at(sums[power], (epoch, arm), value**power)
    return Epochs(*sums, chance, **{"floor": 0.05, **more})
