"""Settings: where their values come from, what is refused, and what they are the defaults of."""

import pytest

from bandit import Engine, InvalidInput, NotFound, StoreUnusable, WrongState
from bandit.actor import acting
from bandit.configuration import variable
from bandit.documents import put
from bandit.errors import Forbidden
from bandit.memory import Outside
from bandit.outside import from_environment, from_toml, parse, read
from bandit.results import SWITCHED_OFF
from bandit.settings import NAMES, SETTING, Settings, StoredSetting

DEFINITION = {"variants": [{"key": "a"}, {"key": "b"}], "metrics": [{"key": "m"}]}


def sources(engine):
    return {one.name: (one.value, one.source) for one in engine.settings.list() if one.source != "default"}


def test_every_setting_is_described_and_has_its_default(engine):
    listed = engine.settings.list()
    assert {one.name for one in listed} == NAMES
    assert all(one.description and one.value == one.default and one.source == "default" for one in listed)
    assert engine.settings.read() == Settings()


def test_each_place_goes_before_the_earlier_ones(tmp_path, monkeypatch):
    config = tmp_path / "multiarm.toml"
    config.write_text('alpha = 0.1\npower = 0.9\nholdout = 0.2\ncanary_dwell = "2h"\n')
    monkeypatch.setenv("MULTIARM_ALPHA", "0.3")
    with Engine(tmp_path / "x.db", config=config) as engine:
        engine.settings.update({"power": 0.7})
        assert sources(engine) == {
            "alpha": (0.3, "environment"),
            "power": (0.7, "stored"),
            "holdout": (0.2, "file"),
            "canary_dwell": ("2h", "file"),
        }
        assert engine.settings.read().canary_dwell == 7200.0
        engine.settings.reset("power")
        assert sources(engine)["power"] == (0.9, "file")
        with pytest.raises(WrongState, match="alpha: is set by MULTIARM_ALPHA in the environment; change it there"):
            engine.settings.update({"alpha": 0.2, "power": 0.6})
        assert sources(engine)["power"] == (0.9, "file")
    monkeypatch.setenv("MULTIARM_CONFIG", str(config))
    with Engine(tmp_path / "x.db") as engine:
        assert sources(engine)["holdout"] == (0.2, "file")


def test_several_are_changed_together_or_not_at_all(engine):
    with pytest.raises(InvalidInput) as caught:
        engine.settings.update({"holdout": 0.5, "alpha": 2, "power": "high"})
    assert {error.field for error in caught.value.errors} == {"alpha", "power"}
    assert sources(engine) == {}
    with pytest.raises(InvalidInput, match="not a setting: alfa; the settings are allow_private_webhooks, alpha"):
        engine.settings.update({"alfa": 0.1, "alpha": 0.1})
    with pytest.raises(NotFound, match="setting 'alfa' is unknown; the settings are "):
        engine.settings.reset("alfa")
    assert sources(engine) == {}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"canary_steps": [5, 1, 100]}, "canary_steps: must rise to 100"),
        ({"canary_steps": [5, 50]}, "canary_steps: must rise to 100"),
        ({"cors_origins": ["*"]}, r"cors_origins\[0\]"),
        ({"cors_origins": ["https://a.example/path"]}, r"cors_origins\[0\]"),
        ({"retention_days": 0}, "retention_days: Input should be greater than 0, given 0"),
        ({"enable_experiments": "yes"}, "enable_experiments: Input should be a valid boolean, given 'yes'"),
    ],
)
def test_what_is_not_allowed_is_named(engine, values, message):
    with pytest.raises(InvalidInput, match=message):
        engine.settings.update(values)


def test_changes_are_in_the_audit_log_and_repeats_are_done_once(engine):
    with acting("ann@home"):
        for _ in range(2):
            engine.settings.update({"alpha": 0.1, "power": 0.9}, idempotency_key="k")
        engine.settings.reset()
    with pytest.raises(WrongState, match="'k' was used before, to set setting 'alpha'"):
        engine.settings.reset(idempotency_key="k")
    with engine.reading() as reader:
        logged = [(one.key, one.action, one.actor) for _, one in reader.changes("setting", None, 1 << 62, 10)]
    assert logged == [(name, what, "ann@home") for what in ("reset", "set") for name in ("power", "alpha")]
    told = [(line.key, line.fields["value"], line.detail) for line in engine.audit("setting").changes]
    assert [(key, change.before, change.after, detail) for key, change, detail in told] == [
        ("power", 0.9, 0.8, ""),
        ("alpha", 0.1, 0.05, ""),
        ("power", 0.8, 0.9, ""),
        ("alpha", 0.05, 0.1, ""),
    ]
    assert sources(engine) == {}


def test_an_owner_may_not_change_what_holds_for_all(engine):
    with acting("ann", "ann"):
        for refused in (lambda: engine.settings.update({"alpha": 0.1}), engine.settings.reset):
            with pytest.raises(Forbidden):
                refused()


def test_they_are_the_defaults_of_new_experiments_only(engine):
    before = engine.create({"key": "before", **DEFINITION})
    engine.settings.update({"alpha": 0.1, "minimum_units": 50, "minimum_days": 0})
    open_ones = engine.create({"key": "after", **DEFINITION, "analysis": {"alpha": 0.01}})
    assert (open_ones.analysis.alpha, open_ones.analysis.minimum_units, open_ones.analysis.minimum_days) == (
        0.01,
        50,
        0,
    )
    assert engine.get("before") == before
    assert before.analysis.minimum_units == 1000
    assert engine.update("before", {"name": "x"}).analysis == before.analysis
    changed = engine.update("before", {"analysis": {"power": 0.9}}).analysis
    assert (changed.alpha, changed.power) == (0.1, 0.9)
    assert engine.clone("after", "copy").analysis == open_ones.analysis


def test_processes_see_what_others_set(tmp_path):
    with Engine(tmp_path / "x.db") as one, Engine(tmp_path / "x.db") as other:
        one.create({"key": "first", **DEFINITION})
        other.settings.update({"alpha": 0.2})
        assert one.settings.read().alpha == 0.2
        assert one.create({"key": "second", **DEFINITION}).analysis.alpha == 0.2


def test_variables_of_the_environment():
    found = from_environment(
        {
            "MULTIARM_ENABLE_EXPERIMENTS": "False",
            "MULTIARM_CANARY_DWELL": "1.5h",
            "MULTIARM_CORS_ORIGINS": '["https://a.example"]',
            "MULTIARM_ENVIRONMENT": "2024",
            "MULTIARM_CONFIG": "x.toml",
            "MULTIARM_SERVICE_HOST": "10.0.0.1",
            "MULTIARM_PORT_8000_TCP": "tcp://10.0.0.1:8000",
            "HOME": "/",
        }
    )
    assert found == {
        "enable_experiments": False,
        "canary_dwell": "1.5h",
        "cors_origins": ["https://a.example"],
        "environment": "2024",
    }


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("MULTIARM_ALPHAA", "0.1", "not a setting: MULTIARM_ALPHAA; the settings are MULTIARM_ALLOW_PRIVATE_WEBHOOKS"),
        ("MULTIARM_alpha", "0.1", "not a setting: MULTIARM_alpha"),
        ("MULTIARM_ALPHA", "2", "MULTIARM_ALPHA: Input should be less than 1, given 2"),
        ("MULTIARM_ENABLE_EXPERIMENTS", "maybe", "MULTIARM_ENABLE_EXPERIMENTS: Input should be a valid boolean"),
    ],
)
def test_a_wrong_variable_is_refused_by_name(monkeypatch, name, value, message):
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidInput, match=message):
        Engine()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("alpha = 3", "multiarm.toml: alpha: Input should be less than 1, given 3"),
        ("x = [", "multiarm.toml: is not TOML: Invalid value"),
        ("[alpha]\nb = 1", "multiarm.toml: alpha: Input should be a valid number"),
        ("alfa = 1", "multiarm.toml: not a setting: alfa; the settings are "),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, text, message):
    path = tmp_path / "multiarm.toml"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=message):
        Engine(config=path)


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="cannot be read: No such file"):
        read(tmp_path / "absent.toml", {})
    (tmp_path / "latin.toml").write_bytes(b'environment = "\xe9"')
    with pytest.raises(InvalidInput, match="cannot be read: it is not UTF-8"):
        read(tmp_path / "latin.toml", {})


def test_values_written_as_text():
    assert parse("holdout", "0.25") == parse("holdout", ".25") == 0.25
    assert parse("canary_steps", "[10, 100]") == [10, 100]
    with pytest.raises(InvalidInput, match="holdout: Input should be less than 1, given 4"):
        parse("holdout", "4")
    assert from_toml("holdout = 0.25") == {"holdout": 0.25}
    assert variable("holdout") == "MULTIARM_HOLDOUT"
    assert read(None, {}) == Outside({}, {})


def test_a_stored_setting_of_another_version_is_not_ignored(tmp_path):
    def write(memory, by, now):
        put(memory, SETTING, StoredSetting(key="of_a_newer_version", value=1))

    with Engine(tmp_path / "x.db") as engine:
        engine.manage(write, None)
        with pytest.raises(StoreUnusable, match="the stored settings are not understood: of_a_newer_version"):
            engine.settings.read()


def test_experiments_are_switched_off_at_once(engine):
    engine.create({"key": "x", "variants": [{"key": "a"}, {"key": "b", "is_control": True}], "metrics": [{"key": "m"}]})
    engine.start("x")
    kept = engine.choose("x", "u")
    engine.settings.update({"enable_experiments": False})
    for unit in ("u", "v", None):
        decision = engine.choose("x", unit)
        assert (decision.id, decision.variant, decision.propensity, decision.epoch) == ("", "b", 1.0, 0)
        assert decision.reason == "experiments_off"
    assert engine.reward(kept.id, 1.0) == "applied"
    assert sum(variant.decisions for variant in engine.results("x").variants) == 1
    engine.settings.reset()
    assert engine.choose("x", "u").variant == kept.variant


def test_without_statistics_results_are_counts(engine):
    engine.create({"key": "x", **DEFINITION})
    engine.start("x")
    for number in range(20):
        engine.reward(engine.choose("x", f"u{number}").id, 1.0)
    assert engine.results("x").comparisons
    engine.settings.update({"enable_statistical_analysis": False})
    results = engine.results("x")
    assert (results.comparisons, results.quality, results.verdict.decision) == ([], [], "keep_collecting")
    assert results.withheld == results.verdict.reasons[0] == SWITCHED_OFF
    assert sum(variant.units for variant in results.variants) == 20
    for refused in (
        lambda: engine.quality("x"),
        lambda: engine.segments("x", "country"),
        lambda: engine.series("x"),
        lambda: engine.counterfactual("x", "ucb1"),
    ):
        with pytest.raises(WrongState, match="switched off, by the setting enable_statistical_analysis"):
            refused()


def test_the_most_of_a_batch(engine):
    engine.settings.update({"batch_size": 2})
    with pytest.raises(InvalidInput, match="a batch has at most 2 items, given 3"):
        engine.choose_batch([{"experiment": "x"}] * 3)
    assert len(engine.choose_batch([{"experiment": "x"}] * 2)) == 2


def test_when_a_background_writer_writes(tmp_path):
    (tmp_path / "slow.toml").write_text('flush_interval = "60s"\nflush_size = 3\n')
    with Engine(tmp_path / "x.db", durable=False, config=tmp_path / "slow.toml") as engine:
        engine.create({"key": "x", **DEFINITION})
        engine.start("x")
        written = []
        for _ in range(5):
            engine.choose("x")
            with engine.reading() as reader:
                written.append(sum(1 for _ in reader.rows("decisions")))
    assert written == [0, 0, 0, 0, 4]
