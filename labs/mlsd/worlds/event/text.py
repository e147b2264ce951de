"""What events say of themselves: a grammar with topics, so that a text model has a truth to find.

A title and a description are made of templates, whose gaps are filled with words of the event's
topics, words that tell its style, and words that tell nothing. Which words appear depends on hidden
numbers, so that the text says in part what nobody wrote into a column.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

TOPICS: dict[str, str] = {
    "music": "concert band guitar jazz choir drums songwriter vinyl open-mic melody acoustic",
    "dance": "salsa tango swing steps partner rhythm ballroom bachata choreography floor lindy",
    "running": "run trail pace marathon jog intervals route kilometres stretch sprint loop",
    "climbing": "boulder rope crag belay route grip wall harness chalk summit ascent",
    "cooking": "recipe dough spices kitchen pasta curry knife baking flavour oven tasting",
    "wine and beer": "brewery cellar grape hops ale barrel sommelier pint cider tasting",
    "board games": "dice strategy cards table puzzle chess role-play dungeon rules tournament",
    "film": "screening director cinema documentary classics reel subtitles scene premiere",
    "books": "novel poetry author chapter reading essay library translation bookshop fiction",
    "photography": "camera lens portrait exposure darkroom street-photo light tripod gallery print",
    "painting": "watercolour brush canvas sketch palette easel drawing charcoal studio life-model",
    "startups": "founder pitch funding product investor prototype demo growth customers",
    "programming": "python code data cloud hackathon algorithm open-source debugging server model",
    "languages": "conversation vocabulary grammar tandem spanish accent native fluent exchange",
    "nature": "hike forest birds river wildlife garden mushrooms seeds lake botany foraging",
    "wellbeing": "yoga breathing mindfulness sauna relaxation balance pilates stillness rest",
}
STYLES: tuple[tuple[str, str], ...] = (
    ("beginners introduction first-steps welcome basics", "advanced intensive expert masterclass"),
    ("quiet cosy small-circle calm candlelit", "party loud crowd festival late-night"),
    ("outdoors open-air park rooftop sunlight", "indoors basement hall workshop-room fireside"),
    ("listening lecture talk panel stage", "hands-on practice together play take-part"),
)
COMMON: list[str] = [
    "evening",
    "friends",
    "people",
    "city",
    "local",
    "monthly",
    "join",
    "meet",
    "bring",
    "learn",
    "everyone",
    "welcome",
    "time",
    "new",
    "share",
    "start",
    "community",
    "group",
    "drinks",
    "afterwards",
    "relaxed",
    "weekend",
    "session",
    "event",
]
TITLES = (
    "{topic} {style} {topic}",
    "{style} {topic} evening",
    "{topic} and {topic}: {style}",
    "monthly {topic} {style}",
    "{common} for {topic} {style}",
)
SENTENCES = (
    "we {common} for {topic} and {topic}",
    "{style} and {style} with {topic}",
    "{common} {common} {topic} {common}",
    "expect {topic} {style} and {common}",
    "bring your {topic} to this {style} {common}",
    "a {style} {common} about {topic}",
)
SENTENCES_PER_EVENT = 4
STYLE_CLARITY = 1.6

TOPIC_NAMES = tuple(TOPICS)
_TOPIC_WORDS = [words.split() for words in TOPICS.values()]
_STYLE_WORDS = [(low.split(), high.split()) for low, high in STYLES]


def make_texts(
    rng: np.random.Generator,
    topic: np.ndarray,
    second: np.ndarray,
    second_share: np.ndarray,
    style: np.ndarray,
) -> tuple[list[str], list[str]]:
    """Return a title and a description per event.

    Parameters
    ----------
    rng : Generator
    topic, second : ndarray of int, shape (n,)
    second_share : ndarray, shape (n,)
        How much of the event is of its second topic.
    style : ndarray, shape (n, at most 4)
        Of about unit variance: the further from 0, the more often its own words appear.

    Examples
    --------
    >>> rng, one = np.random.default_rng(0), np.zeros(1, int)
    >>> titles, texts = make_texts(rng, one, one, np.zeros(1), np.zeros((1, 4)))
    >>> any(word in TOPICS["music"].split() for word in texts[0].split())
    True
    """
    titles, texts = [], []
    for row in range(len(topic)):
        words = _Words(rng, (topic[row], second[row]), float(second_share[row]), style[row])
        titles.append(words.fill(TITLES[rng.integers(len(TITLES))]))
        chosen = rng.permutation(len(SENTENCES))[:SENTENCES_PER_EVENT]
        texts.append(". ".join(words.fill(SENTENCES[place]) for place in chosen))
    return titles, texts


class _Words:
    """Draws the words of one event."""

    def __init__(
        self,
        rng: np.random.Generator,
        topics: tuple[int, int],
        second_share: float,
        style: np.ndarray,
    ) -> None:
        self.rng = rng
        self.topics = topics
        self.second_share = second_share
        self.high = 1 / (1 + np.exp(-STYLE_CLARITY * style))

    def fill(self, template: str) -> str:
        """Return a template with its gaps filled."""
        parts = template.split(" ")
        return " ".join(self._word(part) for part in parts)

    def _word(self, part: str) -> str:
        name = part.strip("{}:")
        if not part.startswith("{"):
            return part
        end = ":" if part.endswith(":") else ""
        return {"topic": self._topic, "style": self._style, "common": self._common}[name]() + end

    def _topic(self) -> str:
        is_second = self.rng.random() < self.second_share
        return self._one(_TOPIC_WORDS[self.topics[int(is_second)] % len(_TOPIC_WORDS)])

    def _style(self) -> str:
        side = int(self.rng.integers(len(self.high)))
        return self._one(_STYLE_WORDS[side][int(self.rng.random() < self.high[side])])

    def _common(self) -> str:
        return self._one(COMMON)

    def _one(self, words: Sequence[str]) -> str:
        return words[int(self.rng.integers(len(words)))]
