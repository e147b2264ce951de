"""The behaviour card of the ad click world, rendered from measurements."""

from __future__ import annotations

from dataclasses import fields

from mlsd.worlds.ad_click.config import AdClickConfig
from mlsd.worlds.ad_click.facts import FACTS
from mlsd.worlds.ad_click.reasons import REASONS
from mlsd.worlds.ad_click.world import AdClickWorld

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
    logs = world.history(days)
    truth = world.reveal(logs)
    measured = [
        (fact.name, fact.measure(logs, truth), fact.published, fact.source) for fact in FACTS
    ]
    values = [(name, _show(value), REASONS[name]) for name, value in _parameters(world.config)]
    return "\n".join(
        [
            INTRODUCTION.format(seed=seed, days=days),
            "## Stylised facts\n",
            _table(("fact", "measured here", "published value", "source"), measured),
            "## Parameters and their reasons\n",
            _table(("parameter", "value", "reason"), values),
            LIMITS,
        ]
    )


def _parameters(config: AdClickConfig) -> list[tuple[str, object]]:
    return [(field.name, getattr(config, field.name)) for field in fields(config)]


def _show(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(_show(part) for part in value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _table(titles: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [titles, tuple("---" for _ in titles), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
