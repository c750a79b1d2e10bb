"""The description of the API, the page made of it, and a fuzz of every route from it."""

import re

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
)

from bandit import Engine
from server.app import create_app

EXAMPLES = 40
METHODS = {"get", "post", "patch"}


def api():
    """An application with an experiment in each state, and some decisions."""
    engine = Engine(seed=3)
    variants, metrics = [{"key": "a"}, {"key": "b"}], [{"key": "m"}]
    for key, steps in (("run", ["start"]), ("draft", []), ("paused", ["start", "pause"]), ("over", ["start", "stop"])):
        engine.create({"key": key, "variants": variants, "metrics": metrics})
        for step in steps:
            getattr(engine, step)(key)
    cohort = {"operator": "in_cohort", "value": "vip"}
    engine.cohorts.create({"key": "vip", "units": ["u1"]})
    engine.create({"key": "shadow", "type": "shadow", "variants": variants, "metrics": metrics, "traffic": 50.0})
    engine.create({"key": "few", "variants": variants, "metrics": metrics, "targeting": cohort, "forced": {"u2": "b"}})
    for key in ("shadow", "few"):
        engine.start(key)
    engine.create({"key": "where", "variants": variants, "metrics": metrics, "features": [{"key": "hour"}]})
    engine.start("where")
    decisions = [engine.choose("run", f"u{number}", defer=number % 2 == 0).id for number in range(4)]
    decisions += [engine.choose("where", f"u{number}", context={"hour": number}).id for number in range(2)]
    flag = {"type": "boolean", "variants": {"a": True, "b": False}, "default_variant": "b"}
    half = [{"name": "half", "split": {"a": 50, "b": 50}}]
    for key, more in (("on", {"rules": half}), ("backed", {"experiment": "run"}), ("code", {"default_variant": None})):
        engine.flags.create({**flag, "key": key, **more})
    return create_app(engine), decisions, engine


APP, DECISIONS, ENGINE = api()
# A fuzz makes keys, after which one is needed.
TOKEN = ENGINE.keys.create({"scope": "admin", "owner": "fuzz"}).token
SCHEMA = schemathesis.openapi.from_wsgi("/openapi.json", APP)
SCHEMA.config.generation.update(with_security_parameters=False)
OPERATIONS = {operation.ok().label: operation.ok() for operation in SCHEMA.get_all_operations()}
KEYS = ["run", "shadow", "few", "where", "draft", "paused", "over", "new", "nope", "on", "backed", "code"]


def test_it_is_openapi_3_1():
    specification = APP.test_client().get("/openapi.json").json
    assert specification["openapi"].startswith("3.1")
    assert specification["info"]["title"] == "multiarm"


def test_it_describes_every_route():
    described = {
        (method.upper(), path)
        for path, methods in APP.test_client().get("/openapi.json").json["paths"].items()
        for method in methods
    }
    served = {
        (method, re.sub("<(.*?)>", "{\\1}", rule.rule))
        for rule in APP.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    pages = {("GET", path) for path in ("/openapi.json", "/docs", "/metrics")}
    assert described == served - pages


def test_every_operation_says_what_it_needs_and_answers():
    for path, methods in APP.test_client().get("/openapi.json").json["paths"].items():
        for operation in methods.values():
            assert operation["x-scope"] in ("public", "decide", "read", "manage", "admin")
            assert operation["summary"]
            form = "application/json" if path.startswith("/ofrep/") else "application/problem+json"
            assert list(operation["responses"]["default"]["content"]) == [form]


def references(part):
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        part = list(part.values())
    if isinstance(part, list):
        for item in part:
            yield from references(item)


def test_every_reference_leads_somewhere():
    specification = APP.test_client().get("/openapi.json").json
    for reference in set(references(specification)):
        folder, _, name = reference.removeprefix("#/components/").partition("/")
        assert name in specification["components"][folder], reference


def test_the_page_is_complete_in_itself():
    answer = APP.test_client().get("/docs")
    assert answer.content_type == "text/html; charset=utf-8"
    assert not re.search(r"(src|href)=\"?(https?:)?//", answer.text)
    targets = set(re.findall(r'href="#(.*?)"', answer.text))
    assert targets <= set(re.findall(r'id="(.*?)"', answer.text))
    for text in ("/v1/experiments/{key}/results", "StoreUnusable", "ChooseRequest"):
        assert text in answer.text


def is_documented(ctx, response, case):
    """Stricter than schemathesis: `default` documents nothing."""
    documented = set(case.operation.definition.raw["responses"])
    assert str(response.status_code) in documented, f"{response.status_code} is not among {sorted(documented)}"


def meet(data, case):
    """Lets a part of the cases meet what exists."""
    if "key" in case.path_parameters:
        case.path_parameters["key"] = data.draw(st.sampled_from([*KEYS, case.path_parameters["key"]]))
    for item in case.body if isinstance(case.body, list) else [case.body]:
        if isinstance(item, dict):
            for field, known in (("experiment", KEYS), ("flag", KEYS), ("decision_id", DECISIONS)):
                if isinstance(item.get(field), str):
                    item[field] = data.draw(st.sampled_from([*known, item[field]]))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("label", OPERATIONS)
def test_every_route_withstands_a_fuzz(label, mode):
    operation = OPERATIONS[label]
    checks = [not_a_server_error, is_documented, content_type_conformance, response_schema_conformance]
    batch = label.endswith("/batch")  # answers 200 with a problem for each wrong item
    if mode is GenerationMode.NEGATIVE:
        if operation.body or operation.headers:
            checks += [] if batch else [negative_data_rejection]
        else:
            pytest.skip("takes nothing that could be wrong")

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def fuzz(case, data):
        if mode is GenerationMode.POSITIVE:
            meet(data, case)
        case.call_and_validate(checks=checks, headers={"X-API-Key": TOKEN})

    fuzz()
    ENGINE.settings.reset()


@pytest.mark.parametrize("label", OPERATIONS)
def test_methods_that_are_not_described_are_405(label):
    described = label.partition(" ")[2]
    path = described.replace("{key}", "run")
    allowed = {method.upper() for method in APP.api_doc["paths"][described]}
    if described == "/v1/experiments/validate":  # where an experiment of that key is, too
        allowed |= {method.upper() for method in APP.api_doc["paths"]["/v1/experiments/{key}"]}
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - allowed:
        answer = APP.test_client().open(path, method=method, headers={"X-API-Key": TOKEN})
        assert answer.status_code == 405
        assert allowed <= set(answer.headers["Allow"].split(", "))
