import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from policies import Duration
from policies.duration import UNITS, parse, text

WRITTEN = {
    0.0: "0s",
    0.25: "250ms",
    0.5: "0.5s",
    1.0: "1s",
    60.0: "1m",
    90.0: "90s",
    5400.0: "90m",
    86400.0: "1d",
    129600.0: "36h",
    604800.0: "1w",
    1e-7: "1e-07s",
    1 / 3: "0.3333333333333333s",
}


@pytest.mark.parametrize(("seconds", "expected"), WRITTEN.items())
def test_the_shortest_text_is_written(seconds, expected):
    assert text(seconds) == expected
    assert parse(expected) == seconds


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("0s", 0), ("250ms", 0.25), ("1.5h", 5400), ("30m", 1800), ("1d", 86400), ("2w", 1209600), ("0.1ms", 1e-4)],
)
def test_units(given, seconds):
    assert parse(given) == seconds


@settings(derandomize=True, deadline=None)
@given(st.floats(min_value=0, allow_infinity=False, allow_nan=False) | st.integers(0, 10**7).map(lambda n: n / 1000))
def test_text_and_parse_are_inverse(seconds):
    assert parse(text(seconds)) == seconds


@pytest.mark.parametrize("given", ["", "5", "s", "-1s", "1 d", "1y", "1D", "nan", "infs", "1e308w", "1_0s", "٣s"])
def test_other_text_is_refused_by_name(given):
    with pytest.raises(ValueError, match="must be a non-negative number of seconds") as caught:
        parse(given)
    assert repr(given) in str(caught.value)
    assert all(unit in str(caught.value) for unit in UNITS)


class Setting(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)
    window: Duration = 0.0
    half_life: Duration | None = Field(default=None)


def test_in_a_strict_model():
    setting = Setting.model_validate({"window": "1.5h", "half_life": 90})
    assert (setting.window, setting.half_life) == (5400.0, 90.0)
    assert setting.model_dump() == {"window": 5400.0, "half_life": 90.0}
    assert setting.model_dump_json() == '{"window":"90m","half_life":"90s"}'
    assert Setting.model_validate_json(setting.model_dump_json()) == setting
    assert Setting.model_validate_json('{"window": 2}').window == 2.0


@pytest.mark.parametrize("given", [-1, float("nan"), float("inf"), True, None, [1], "7", b"1s"])
def test_other_values_are_refused(given):
    with pytest.raises(ValidationError, match="must be a non-negative number of seconds"):
        TypeAdapter(Duration).validate_python(given)


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_schema_is_text_or_number(mode):
    kinds = {option["type"] for option in TypeAdapter(Duration).json_schema(mode=mode)["anyOf"]}
    assert kinds == {"string", "number"}
    assert "anyOf" in Setting.model_json_schema(mode=mode)["properties"]["half_life"]
