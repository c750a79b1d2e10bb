"""The command `multiarm power` and the route `POST /v1/sample-size`: the same question, the same answer."""

import json

import pytest
from click.testing import CliRunner

from bandit.plan import plan
from bandit.sample_size import SampleSizeRequest
from server.command import main


def run(*arguments):
    return CliRunner().invoke(main, ["power", *arguments])


def test_the_route(client):
    answer = client.post("/v1/sample-size", json={"metric_type": "conversion", "baseline": 0.1, "treatment": 0.12})
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.json["sample_size_per_variant"] == 3841
    assert round(answer.json["sample_size_exact"], 3) == 3840.847
    assert (answer.json["total"], answer.json["formula"]) == (7682, "pooled")


def test_the_route_names_what_is_wrong(client):
    answer = client.post("/v1/sample-size", json={"baseline": 0.1, "treatment": 0.1})
    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    assert [error["field"] for error in answer.json["errors"]] == ["treatment"]
    answer = client.post("/v1/sample-size", json={"baseline": 2, "alpha": 7, "oops": 1})
    assert [error["field"] for error in answer.json["errors"]] == ["alpha", "oops"]
    assert client.post("/v1/sample-size", data="{").status_code == 400


OPTIONS = {
    "metric_type": "count",
    "baseline": "3",
    "relative_effect": ".1",
    "exposure": "2",
    "alternative": "greater",
    "variants": "4",
    "correction": "holm",
    "formula": "unpooled",
    "traffic": "250",
    "looks": "3",
    "boundary": "pocock",
    "power": ".9",
    "alpha": ".1",
    "ratio": ".5",
}


def test_the_command_answers_as_the_route_does(client):
    arguments = [part for name, value in OPTIONS.items() for part in (f"--{name.replace('_', '-')}", value)]
    answer = run(*arguments, "--json")
    assert answer.exit_code == 0
    request = SampleSizeRequest.model_validate_strings(OPTIONS)
    assert json.loads(answer.output) == plan(request).model_dump(mode="json")
    assert client.post("/v1/sample-size", json=request.model_dump(mode="json")).json == json.loads(answer.output)


def test_every_field_is_an_option_and_is_described():
    text = "".join(run("--help").output.split())  # a line may end after any hyphen
    for name, field in SampleSizeRequest.model_fields.items():
        assert f"--{name.replace('_', '-')}" in text
        assert field.description
        assert "".join(field.description.split()) in text
    assert "[default:0.05]" in text


def test_a_sample_size_for_people():
    lines = run("--baseline", ".1", "--treatment", ".12", "--traffic", "1000").output.splitlines()
    assert lines[0] == "Units needed: 7,682, in 8 days"
    assert lines[2] == "conversion from 0.1 to 0.12, effect +0.02 (+20.00%)"
    assert lines[3] == "two-sided, alpha 0.05, power 0.8, formula pooled"
    assert lines[6].split() == ["control", "3,841", "3,840.847"]
    assert lines[8].split() == ["total", "7,682", "7,681.695"]
    assert lines[9].split() == ["days", "8", "7.682"]
    assert lines[-1].endswith("multiarm simulate power")


def test_the_other_answers_for_people():
    effect = run("--baseline", ".1", "--sample-size-per-variant", "3841").output
    assert effect.startswith("Least effect found with power 0.8: +0.019999")
    power = run("--baseline", ".1", "--sample-size-per-variant", "3841", "--effect", ".02").output
    assert power.startswith("Power: 0.8000\n")
    several = run("--metric-type", "continuous", "--sd", "2", "--effect", "1", "--variants", "3", "--looks", "2").output
    assert "alpha 0.05 (0.025 each, bonferroni)" in several
    assert "treatment x 2" in several
    assert "2 looks, equally spaced; stop when |z| reaches" in several
    margin = run("--baseline", ".3", "--margin", ".05", "--alternative", "less", "--looks", "2").output
    assert ", margin 0.05\nless, " in margin
    assert "stop when z reaches -" in margin
    assert "Note: an arm expects fewer" in run("--baseline", ".001", "--treatment", ".1").output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Error: baseline: missing; a conversion metric needs baseline"),
        (["--baseline", "x"], "Error: baseline: Input should be a valid number"),
        (["--baseline", ".1", "--alpha", "1.5"], "Error: alpha: Input should be less than 1, given '1.5'"),
        (["--baseline", ".1", "--effect", "2"], "Error: effect: 2 given, must be finite and lie from -0.1 to 0.9"),
        (["--metric-type", "mean"], "Error: metric_type: Input should be 'conversion', 'continuous', 'count' or"),
        (["--baseline", "nan", "--effect", "1"], "Error: baseline: Input should be a finite number"),
    ],
)
def test_wrong_arguments_are_one_line(arguments, message):
    answer = run(*arguments)
    assert answer.exit_code == 2
    assert answer.output.startswith(message)
    assert answer.output.count("\n") == 1
