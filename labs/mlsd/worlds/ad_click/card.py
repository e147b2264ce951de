"""The behaviour card of the ad click world, rendered from measurements."""

from __future__ import annotations

from mlsd.worlds.ad_click.facts import FACTS
from mlsd.worlds.ad_click.reasons import REASONS
from mlsd.worlds.ad_click.world import AdClickWorld
from mlsd.worlds.kit.card import CardText, world_card

CARD_SEED = 0
INTRODUCTION = """\
# Ad click world

What the simulated ad market of this workbook does, measured, beside the published value that each
effect imitates. Measured on seed {seed}, default size, {days} days of history. Parameters were
settled on seeds 0 to 4 and are frozen; the ledgers report other seeds.

"Qualitative" means that the effect is well known and no figure was imitated. Figures from industry
blogs are what their authors say of their own clients.
"""
LIMITS = """\
## What this world cannot prove

- Which model is best on your data. Its interactions are there for a stated reason, and their
  strength decides how much counters, trees or embeddings gain.
- Anything about advertisers who react, unless `response` is set: bids are fixed, so price rules can
  be compared for given bids only, and first price looks better than it would. `best_reply` is one
  myopic kind of reaction among many.
- Effects of one ad on its neighbours: a slot's click probability does not depend on the other
  slots, as it would under a cascade.
- Long-term effects: hidden ads cost users something, yet nobody leaves.
- Absolute levels. Click-through rate, prices and conversion rates are of a plausible size and no
  more; compare within the world only.
- Spam detection against an adversary: its bots do not adapt.
- Pacing: a budget is spent as fast as auctions come, so that a quarter of campaign days run dry.
- Sessions, targeting and content: a user's requests come independently of each other, candidates
  are drawn by popularity and age band, a conversion depends on campaign and user alone, and no
  click rate depends on the weekday.
- Within an hour, budgets and a user's own views are those of the hour's beginning.
"""


def render_card(*, seed: int = CARD_SEED, days: int = 14, size: str = "default") -> str:
    """Simulate a history, measure the stylised facts and return the card as Markdown.

    Parameters
    ----------
    seed, days, size
        Of the history that is measured; the committed card has the default values.
    """
    world = AdClickWorld(seed=seed, size=size)
    return world_card(CardText(INTRODUCTION, FACTS, REASONS, LIMITS), world, world.config, days)
