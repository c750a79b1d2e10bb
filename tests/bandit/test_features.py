"""How contexts become numbers, and which are refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandit import Experiment, Feature, InvalidInput, Metric, Variant
from bandit.features import Features
from policies import LinUCB

KEYS = ("a", "b", "c")


def declared(*features, shared=False):
    return Features(
        Experiment(
            key="copy",
            variants=[Variant(key=key) for key in KEYS],
            metrics=[Metric(key="m")],
            policy=LinUCB(shared=shared),
            features=list(features),
        )
    )


HOUR, PRICE = Feature(key="hour", lower=0, upper=23), Feature(key="price")


def test_a_constant_comes_before_the_features_in_their_declared_order():
    features = declared(HOUR, PRICE)
    assert features.size == 3
    np.testing.assert_array_equal(features.vector({"price": 2, "hour": 9.5}, (0, 1, 2)), [1, 9.5, 2])


def test_what_differs_between_variants_makes_a_part_for_each():
    features = declared(HOUR, PRICE)
    context = {"hour": 9, "price": {"a": 1, "b": 2, "c": 3}}
    np.testing.assert_array_equal(features.vector(context, (0, 1, 2)), [1, 9, 1, 1, 9, 2, 1, 9, 3])
    np.testing.assert_array_equal(features.vector(context, (0, 2)), [1, 9, 1, 1, 9, 3])
    assert features.vector(context, (0, 2)).flags.c_contiguous


def test_only_variants_that_may_be_served_need_a_number():
    context = {"hour": 9, "price": {"a": 1, "c": 3}}
    np.testing.assert_array_equal(declared(HOUR, PRICE).vector(context, (0, 2)), [1, 9, 1, 1, 9, 3])
    with pytest.raises(InvalidInput, match=r"context\.price\.b: is missing"):
        declared(HOUR, PRICE).vector(context, (0, 1, 2))


NUMBERS = st.floats(-1e12, 1e12) | st.integers(-(10**12), 10**12)


@settings(derandomize=True, max_examples=50)
@given(
    st.one_of(NUMBERS, st.fixed_dictionaries(dict.fromkeys(KEYS, NUMBERS))), NUMBERS, st.sampled_from([(1,), (0, 2)])
)
def test_the_features_of_one_arm_are_its_part(price, size, arms):
    features = declared(Feature(key="price"), Feature(key="size"))
    context = {"price": price, "size": size}
    vector = features.vector(context, arms)
    for arm in arms:
        one = price[KEYS[arm]] if isinstance(price, dict) else price
        np.testing.assert_array_equal(features.part(vector, arms, arm), [1.0, one, size])
        np.testing.assert_array_equal(features.of(context, arm), [1.0, one, size])


@pytest.mark.parametrize(
    ("context", "wrong"),
    [
        (None, {"context.hour": "is missing", "context.price": "is missing"}),
        ({"hour": 9}, {"context.price": "is missing, must be a number"}),
        ({"hour": 9, "price": 1, "colour": 2}, {"context.colour": "is not a feature of 'copy': 'hour', 'price'"}),
        ({"hour": 9, "colour": 2}, {"context.colour": "is not a feature", "context.price": "is missing"}),
        ({"hour": "nine", "price": True}, {"context.hour": "given 'nine'", "context.price": "given True"}),
        ({"hour": None, "price": [1]}, {"context.hour": "given None", "context.price": "a number, given [1]"}),
        ({"hour": -1, "price": 1}, {"context.hour": "must be at least 0, given -1"}),
        ({"hour": 23.5, "price": 1}, {"context.hour": "must be at most 23, given 23.5"}),
        ({"hour": 9, "price": 2e12}, {"context.price": "within 1e+12 of zero, given 2000000000000.0"}),
        ({"hour": 9, "price": 10**400}, {"context.price": "within 1e+12 of zero, given 1000"}),
        ({"hour": float("nan"), "price": float("-inf")}, {"context.hour": "given nan", "context.price": "given -inf"}),
        (
            {"hour": 9, "price": {"a": 1, "b": "x", "d": 2}},
            {
                "context.price.b": "must be a number, given 'x'",
                "context.price.c": "is missing",
                "context.price.d": "is not a variant of 'copy'",
            },
        ),
        ({"hour": {"a": 1, "b": 24, "c": 3}, "price": 1}, {"context.hour.b": "must be at most 23, given 24"}),
        ({"hour": {"a": 1, "b": {}, "c": True}, "price": 1}, {"context.hour.b": "{}", "context.hour.c": "True"}),
        ({"hour": {}, "price": 1}, {f"context.hour.{key}": "is missing" for key in KEYS}),
    ],
    ids=str,
)
@pytest.mark.parametrize("shared", [False, True])
def test_every_wrong_field_is_named(context, wrong, shared):
    with pytest.raises(InvalidInput) as caught:
        declared(HOUR, PRICE, shared=shared).vector(context, (0, 1, 2))
    found = {error.field: error.message for error in caught.value.errors if error.field != "context"}
    assert found.keys() == wrong.keys()
    for field, message in wrong.items():
        assert message in found[field]
        assert field in caught.value.detail


def test_a_shared_model_needs_something_that_differs():
    features = declared(HOUR, PRICE, shared=True)
    with pytest.raises(
        InvalidInput, match=r"one model for all variants, which learns nothing .* \{\"hour\": \{\"a\": 1"
    ):
        features.vector({"hour": 9, "price": 1}, (0, 1, 2))
    assert len(features.vector({"hour": 9, "price": dict.fromkeys(KEYS, 1)}, (0, 1, 2))) == 9


def test_messages_stay_short():
    with pytest.raises(InvalidInput) as caught:
        declared(HOUR).vector({"k" * 5000: 1, "hour": "x" * 5000}, (0, 1, 2))
    assert all(len(field) + len(message) < 500 for field, message in caught.value.errors)
