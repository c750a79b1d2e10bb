"""Round robin: variants take turns in permuted blocks, each block a new order of as many turns as the weights say.

A block of weights 2 and 1 is three turns, two of them the first variant's. The order is that of `share(salt, turn)` for
the salt `experiment's salt/turns/epoch/block`, so it is a uniformly random permutation that anybody can recompute, and
each turn is a variant's with exactly its share of the weights: that is the propensity. Given the turns already taken in
the block it is another one; the statistics of a fixed split use the former.
"""

from bandit.assignment import share
from bandit.documents import Kind, Owned, all_of, put
from bandit.memory import Memory
from bandit.running import Running


class Turns(Owned):
    """How many turns of an experiment's epoch were taken."""

    epoch: int
    taken: int


TURNS = Kind("turns", Turns)


def turn(memory: Memory, running: Running) -> int:
    """Takes the next turn: the arm whose it is."""
    experiment, epoch = running.experiment, running.epoch
    kept = all_of(memory, TURNS).get(experiment.key)
    taken = kept.taken if kept is not None and kept.epoch == epoch else 0
    put(memory, TURNS, Turns(key=experiment.key, epoch=epoch, taken=taken + 1))
    turns = [arm for arm, variant in enumerate(experiment.variants) for _ in range(round(variant.weight))]
    block, place = divmod(taken, len(turns))
    salt = f"{experiment.salt}/turns/{epoch}/{block}"
    order = sorted(range(len(turns)), key=lambda each: (share(salt, str(each)), each))
    return turns[order[place]]
