"""How many units a bandit needs, where it is known; and the command that asks."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import CliRunner

from bandit import InvalidInput
from policies import Fixed, LinUCB, ThompsonBeta
from simulations.command import simulate as command
from simulations.sample_size import Question, answer


@pytest.fixture
def threads():
    with ThreadPoolExecutor(2) as pool:
        yield pool


def test_an_even_split_needs_what_its_formula_says(threads):
    question = Question(Fixed(), (0.4, 0.6), floor=0.5, replications=400, seed=1)
    found = answer(question, threads)
    assert question.fixed == pytest.approx(2 * 97.0, abs=1.0)
    assert abs(found.units - question.fixed) < 4 * found.standard_error + 0.03 * question.fixed
    assert found.best == pytest.approx(0.5, abs=0.02)
    assert (found.powers[1:] >= found.powers[:-1] - 0.1).all()


def test_a_bandit_needs_more_and_looking_all_the_time_too(threads):
    once = answer(Question(ThompsonBeta(), (0.3, 0.6), floor=0.1, replications=200, seed=1), threads)
    always = answer(Question(ThompsonBeta(), (0.3, 0.6), floor=0.1, replications=200, seed=1, looks="all"), threads)
    assert once.question.fixed + 3 * once.standard_error < once.units < always.units
    assert once.best > 0.6
    assert once.stopped is None
    assert always.stopped < always.units
    assert once.least == pytest.approx(5 / (0.1 * 0.45))


def test_the_arm_that_is_compared():
    assert Question(ThompsonBeta(), (0.1, 0.3, 0.2)).treatment == 1
    assert Question(ThompsonBeta(), (0.4, 0.3, 0.2)).treatment == 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"means": (0.1,)}, "two or more probabilities"),
        ({"means": (0.1, 1.0)}, "two or more probabilities"),
        ({"means": (0.1, 0.1)}, "one must differ from the first"),
        ({"floor": 0.0}, "floor: 0 given, must be above 0"),
        ({"floor": 0.6}, "floor: 0.6 given"),
        ({"alpha": 0.0}, "alpha: 0 given"),
        ({"power": 0.01}, "power: 0.01 given, must lie strictly between alpha and 1"),
        ({"batch": 0}, "batch: 0 given"),
        ({"replications": 5}, "replications: 5 given"),
        ({"policy": LinUCB()}, "lin_ucb reads a context"),
    ],
)
def test_what_has_no_answer(given, message):
    with pytest.raises(InvalidInput, match=message):
        Question(**{"policy": ThompsonBeta(), "means": (0.1, 0.2)} | given)


def test_an_effect_that_is_too_small(threads):
    with pytest.raises(InvalidInput, match="more than 10,000,000 units would be needed"):
        answer(Question(ThompsonBeta(), (0.5, 0.5001), floor=0.1, replications=20), threads)


def run(*arguments):
    return CliRunner().invoke(command, list(arguments))


def test_the_command():
    result = run("power", "--means", ".3,.6", "--floor", ".1", "--replications", "40", "--batch", "20", "--seed", "2")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "thompson_beta, bernoulli:means=0.3/0.6, seed 2"
    assert lines[2] == "Arm 2 against arm 1, two-sided alpha 0.05: aipw, looking once, at the end."
    assert "weights renewed every 20 units; 40 experiments." in lines[3]
    assert lines[5].startswith("Units for a power of 0.8: ")
    assert "Simulating" in result.stderr
    assert "An even split needs 84 (pooled_z" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--means", ".1,x"], "--means: '.1,x' given, must be numbers"),
        (["--means", ".1,.1"], "one must differ"),
        (["--means", ".1,.2", "--policy", "best"], "policy: 'best' is unknown"),
        (["--means", ".1,.2", "--policy", "lin_ucb"], "reads a context"),
        (["--means", ".1,.2", "--import", "nowhere.py"], "must be a Python file"),
        ([], "Missing option '--means'"),
        (["--means", ".1,.2", "--looks", "twice"], "'twice' is not one of"),
    ],
)
def test_bad_questions_end_with_2(arguments, message):
    result = run("power", *arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert result.stdout == ""


def test_questions_have_help_of_their_own():
    assert "multiarm simulate power --means .1,.12\n" in run("power", "--help").stdout
    assert "Hold every test against its promise" in run("validity", "--help").stdout
    assert "\n    multiarm simulate power --help " in run("--help").stdout
