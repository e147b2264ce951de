"""The behaviour card of the event world, rendered from measurements."""

from __future__ import annotations

from mlsd.worlds.event.config import EventConfig
from mlsd.worlds.event.facts import FACTS
from mlsd.worlds.event.reasons import REASONS
from mlsd.worlds.event.world import EventWorld
from mlsd.worlds.kit.card import CardText, markdown_table, world_card

CARD_SEED = 0
INTRODUCTION = """\
# Event world

What the simulated service for local events of this workbook does, measured, beside the published
value that each effect imitates. Measured on seed {seed}, default size, {days} days of history.

"Qualitative" means that the effect is well known and no figure was imitated. Where the measured
value is far from the published one, the reasons below or the limits at the end say why.
"""
LIMITS = """\
## What this world cannot prove

- Which recommender is best on your data. Taste is a product of topics and of a style of four
  numbers, drawn at random; how much text, friends or distance gain follows from that.
- Absolute levels. Rates and prices are of a plausible size and no more; compare within the world.
- What people do when they are asked is not what they say that they would: the published share of
  those who would switch pushes off is a survey, and far above what happens here.
- Cities do not touch: nobody travels to another one, so that a test by city sees no spill-over.
- Groups tell their members of events whatever the service does; invitations go to friends of the
  same city only, and nobody is invited by the crowd.
- Hosts react to nothing: they publish by a plan, however empty their rooms were.
- Everybody answers once: there is no change of mind but not coming, and nobody moves up from a
  waiting list when somebody else stays away.
- Text is made by a grammar of four dozen templates' worth of words: a model of real language has
  more to learn, and more to get wrong.
- Within an hour, what friends said and how many seats are left are those of the hour's beginning
  for whoever decides, though seats are given in order of time.
"""


def render_card(*, seed: int = CARD_SEED, days: int = 28, size: str = "default") -> str:
    """Simulate a history, measure the stylised facts and return the card as Markdown.

    Parameters
    ----------
    seed, days, size
        Of the history that is measured; the committed card has the default values.
    """
    world = EventWorld(seed=seed, size=size)
    limits = f"## Sizes\n\n{_sizes()}\n{LIMITS}"
    return world_card(CardText(INTRODUCTION, FACTS, REASONS, limits), world, world.config, days)


def _sizes() -> str:
    """Return users, hosts and events of each size, as a Markdown table."""
    titles = ("size", "users", "hosts", "groups", "events per day")
    rows = []
    for size in EventConfig.sizes:
        config = EventConfig().scaled(size)
        counts = (config.users, config.hosts, config.groups, config.events_per_day)
        rows.append((f"`{size}`", *(f"{count:,}" for count in counts)))
    return markdown_table(titles, rows)
