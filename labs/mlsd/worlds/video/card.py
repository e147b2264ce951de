"""The behaviour card of the video world, rendered from measurements."""

from __future__ import annotations

from mlsd.worlds.kit.card import CardText, markdown_table, world_card
from mlsd.worlds.video.config import VideoConfig
from mlsd.worlds.video.facts import FACTS
from mlsd.worlds.video.reasons import REASONS
from mlsd.worlds.video.world import VideoWorld

CARD_SEED = 0
INTRODUCTION = """\
# Video world

What the simulated home feed of this workbook does, measured, beside the published value that each
effect imitates. Measured on seed {seed}, default size, {days} days of history. Parameters are
frozen; the ledgers report other seeds.

"Qualitative" means that the effect is well known and no figure was imitated. Where the measured
value is far from the published one, the reasons below or the limits at the end say why.
"""
# Of the default parameters, rounded, by `tests/benchmarks/worlds.py --world video --sizes --large`:
# rows per day of requests, impressions and candidates, peak memory of a process, how it was made.
MEASURED = {
    "small": (2_300, 14_000, 56_000, "210 MB, in memory, all tables made"),
    "default": (17_500, 105_000, 420_000, "710 MB, in memory, all tables made"),
    "large": (790_000, 4_740_000, 19_000_000, "800 MB, streamed to Parquet"),
}
SIZES = """\
## Sizes

Of a history of 14 days, of three at the large size, whose memory hardly grows with the days. Peak
memory is that of the whole process, libraries included.

"""
LIMITS = """\
## What this world cannot prove

- Which recommender is best on your data. Taste is a product of topics and of a style with few
  factors, drawn at random; how much factors, neighbours, text or order gain follows from that.
- Absolute levels. Rates, lengths and hours are of a plausible size and no more; compare within the
  world only.
- Anything about the very head and the very tail: with hundreds of creators and thousands of videos,
  and a fifth of the slots given to chance and new uploads, views are less unequal than published,
  above all over creators, of whom most real ones are hardly ever watched. Viewers too are more
  alike than published.
- How often people refuse a video or like one: both are frequent here, so that a log of this size
  shows them; sessions are shorter than published, so that a day is cheap.
- Effects of one slot on another beyond sameness: a good video above does not end the look down a
  slate, as it would under a cascade, and watching one video does not keep a viewer from the next.
- Search, subscriptions, shares and watch-next: the home feed is the only way to a video, so that
  what is not recommended is not seen.
- Reactions of creators: uploads follow a plan, whatever is shown.
- Harm: satisfaction is one number, known to the viewer at once; there is no regret and no offence.
- Long-term effects are those of one habit per viewer and a shift of taste that fades. Return after
  28 days is the expectation, given habits at the end of the day, not a count of visits.
- Social influence, in the variant `feedback`, knows the number of views and no friends; common
  history and chance are shared by twin worlds, so that how unpredictable success becomes (the other
  finding of Salganik, Dodds and Watts) shows across seeds only.
- Hours: sessions of a viewer fall into different thirds of a day's traffic and never next to their
  borders, so that none begins around midnight, one in the afternoon or seven in the evening.
- Within an hour, popularity and what policies know are those of the hour's beginning; a slate is
  made with what its own viewer has been shown and has started since.
"""


def render_card(*, seed: int = CARD_SEED, days: int = 14, size: str = "default") -> str:
    """Simulate a history, measure the stylised facts and return the card as Markdown.

    Parameters
    ----------
    seed, days, size
        Of the history that is measured; the committed card has the default values.
    """
    world = VideoWorld(seed=seed, size=size)
    limits = f"{SIZES}{_sizes()}\n{LIMITS}"
    return world_card(CardText(INTRODUCTION, FACTS, REASONS, limits), world, world.config, days)


def _sizes() -> str:
    """Return users, videos, rows per day and memory of each size, as a Markdown table."""
    titles = ("size", "users", "videos", "uploads per day")
    titles += ("requests per day", "impressions per day", "candidates per day", "peak memory")
    rows = []
    for size, (*rows_per_day, memory) in MEASURED.items():
        config = VideoConfig().scaled(size)
        counts = (config.users, config.videos, config.uploads_per_day, *rows_per_day)
        rows.append((f"`{size}`", *(f"{count:,}" for count in counts), memory))
    return markdown_table(titles, rows)
