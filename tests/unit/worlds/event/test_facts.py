"""The behaviour card says what the world does, and the world does what its card says."""

import re
from dataclasses import fields

import numpy as np
import pytest

from mlsd.worlds.event import EventConfig, EventWorld
from mlsd.worlds.event.card import render_card
from mlsd.worlds.event.facts import FACTS
from mlsd.worlds.event.reasons import REASONS
from mlsd.worlds.event.text import TOPIC_NAMES, TOPICS, make_texts


@pytest.fixture(scope="module")
def measured():
    world = EventWorld(seed=2, size="small")
    logs = world.history(14)
    truth = world.reveal(logs)
    return {fact.name: fact.measure(logs, truth) for fact in FACTS}


def numbers(text):
    return [float(each) for each in re.findall(r"-?\d+\.?\d*", text)]


def test_every_parameter_has_a_reason_and_no_reason_is_left_over():
    assert set(REASONS) == {field.name for field in fields(EventConfig)}


def test_interest_falls_with_distance(measured):
    (name,) = (fact for fact in measured if fact.startswith("Yes rate by distance"))
    rates = numbers(measured[name])
    assert rates[0] == 1
    assert all(rate < 0.9 for rate in rates[1:])


def test_a_friend_who_goes_raises_the_odds(measured):
    assert numbers(measured["Clicks where a friend goes, at the same match"])[0] > 1.2


def test_whoever_has_paid_comes_more_often(measured):
    free, paid = numbers(measured["Of those who said yes, those who come"])
    assert paid > free + 5


def test_the_card_holds_every_fact_and_every_parameter():
    card = render_card(days=14, size="small")
    assert all(fact.name in card for fact in FACTS)
    assert all(f"| {field.name} |" in card for field in fields(EventConfig))
    assert "nan" not in card


def test_texts_tell_the_topic_and_the_style():
    rng, count = np.random.default_rng(0), 400
    topic = rng.integers(0, len(TOPICS), count)
    style = np.zeros((count, 4))
    style[:, 2] = np.where(np.arange(count) % 2, 3, -3)
    _, texts = make_texts(rng, topic, topic, np.zeros(count), style)
    for place in range(20):
        own = set(TOPICS[TOPIC_NAMES[topic[place]]].split())
        assert own & set(texts[place].replace(".", "").split())
    outdoors = np.array(["open-air" in text or "park" in text for text in texts])
    assert outdoors[::2].sum() > 5 * max(outdoors[1::2].sum(), 1)
