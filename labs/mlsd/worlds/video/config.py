"""Every parameter of the video world; the behaviour card says why each has its value."""

from __future__ import annotations

from dataclasses import dataclass

from mlsd.worlds.kit.config import WorldConfig

HOURS = 24
AGE_BANDS, COUNTRIES, DEVICES = 5, 4, 3
MOST_SESSIONS = 3
# A session, a request and an item have to fit into one 64-bit key of a random draw.
MOST_STEPS, MOST_ITEMS, MOST_USERS = 16, 1 << 20, 1 << 20

SIZES: dict[str, dict[str, int]] = {
    "small": {
        "users": 800,
        "videos": 600,
        "uploads_per_day": 12,
        "creators": 80,
        "hours_between_events": 4,
    },
    "default": {},
    "large": {
        "users": 300_000,
        "videos": 60_000,
        "uploads_per_day": 1_200,
        "creators": 6_000,
    },
}
VARIANTS: dict[str, dict[str, float | bool]] = {
    "feedback": {"social_proof": 0.35, "taste_shift": 0.06},
}


@dataclass(frozen=True)
class VideoConfig(WorldConfig):
    """Parameters of the video world. Standard deviations (``_sd``) are on the logit scale.

    The variant ``"feedback"`` switches the feedback loop on: people click what many have watched,
    and what is recommended moves their taste.

    Attributes
    ----------
    users, videos, creators, topics, clusters : int
        How many there are on the first day; clusters of taste are hidden from the log.
    uploads_per_day : int
        New videos per day.
    signups_per_day, removals_per_day : float
        New users and removed videos per day, as a share of `users` and of the live videos.
    slots : int
        Videos on a slate.
    candidates : int
        Candidates that the logging policy records per request.
    hours_between_events : int
        How often policies are handed events, and sessions set off in lock-step; divides 24.
    horizon_days : int
        Last day that the world can be run to.
    sessions_per_day : float
        Mean of the first users.
    activity_sd : float
        Spread of the logarithm of a user's sessions per day.
    base_logit : float
        Click logit of an examined average video for an average user.
    examination : float
        Probability of looking at the next slot, given that this one was looked at.
    autoplay_rate : float
        Probability that an examined top slot that is not clicked starts by itself and is logged
        as a click.
    favourite_topics : int
        Topics that a user likes more than others, in the mean of their cluster.
    topic_sd, personal_sd : float
        Taste of clusters, and of users within clusters, for topics.
    style_sd : float
        Taste for the style of a video, a product of factors that ids can learn and text shows in
        part.
    style_dim, text_dim : int
        Length of the hidden style, and of the text features that the log shows.
    text_noise : float
        Standard deviation of the noise in the text features.
    appeal_sd, quality_sd, thumbnail_sd : float
        What draws clicks from everybody, what satisfies everybody, and what only looks good.
    disappointment : float
        Loss of enjoyment per unit of thumbnail.
    creator_share : float
        Share of the variance of appeal and quality that belongs to the creator.
    user_bias_sd : float
        How readily users click at all.
    drift_per_day : float
        Radians per day by which tastes turn.
    taste_shift : float
        What a satisfying view adds to the taste for its topic; fades with `shift_half_life` days.
    shift_half_life : float
    news_decay : float
        Loss of logit per unit of log(1 + age in days), of the topic that ages fastest.
    device_duration : float
        Gain of logit per unit of log duration on a television, and loss on a phone.
    satiation : float
        Loss of logit per unit of log(1 + views of the topic in this session).
    sameness : float
        Loss of logit per earlier video of the same topic, or creator, on the slate.
    repeat_loss : float
        Loss of logit of a video that was watched before.
    social_proof : float
        Gain of logit per standard deviation of the logarithm of views; 0 switches it off.
    duration_median, duration_sd : float
        Seconds, and spread of the logarithm.
    watch_share : float
        Median share of a median video that is watched at average enjoyment.
    watch_gain, watch_sd, duration_elasticity : float
        How the logarithm of watch time grows with enjoyment and with the logarithm of duration,
        and its spread.
    like_logit, like_gain : float
        Of a view that was not an autoplay, by enjoyment.
    hide_rate : float
        Largest probability of "not interested" for an examined video without appeal.
    survey_share : float
        Views whose user is asked for stars; who answers depends on the satisfaction.
    patience, patience_sd : float
        Mood a session starts with, and the spread of its logarithm over users.
    slate_cost, mood_gain, satisfied_at : float
        What a slate costs, what a view adds per unit of satisfaction above `satisfied_at`.
    minutes, minutes_sd : float
        Median of the time a user has for a session, and the spread of its logarithm.
    habit_gain, habit_reference, habit_half_life : float
        How fast the logarithm of sessions per day grows with the satisfaction of a day above the
        reference, and the days after which half of that is left.

    Examples
    --------
    >>> VideoConfig().scaled("small").users
    800
    >>> VideoConfig.variant("feedback").social_proof > 0
    True
    """

    sizes = SIZES
    variants = VARIANTS

    users: int = 6_000
    videos: int = 3_000
    uploads_per_day: int = 60
    creators: int = 400
    topics: int = 24
    clusters: int = 12
    signups_per_day: float = 0.005
    removals_per_day: float = 0.002
    slots: int = 6
    candidates: int = 24
    hours_between_events: int = 1
    horizon_days: int = 60
    sessions_per_day: float = 0.7
    activity_sd: float = 1.1
    base_logit: float = -2.6
    examination: float = 0.8
    autoplay_rate: float = 0.15
    favourite_topics: int = 3
    topic_sd: float = 0.9
    personal_sd: float = 0.7
    style_sd: float = 0.6
    style_dim: int = 6
    text_dim: int = 16
    text_noise: float = 0.5
    appeal_sd: float = 0.5
    quality_sd: float = 0.6
    thumbnail_sd: float = 0.6
    disappointment: float = 0.8
    creator_share: float = 0.4
    user_bias_sd: float = 0.4
    drift_per_day: float = 0.02
    taste_shift: float = 0.02
    shift_half_life: float = 14.0
    news_decay: float = 0.5
    device_duration: float = 0.25
    satiation: float = 0.5
    sameness: float = 0.25
    repeat_loss: float = 2.5
    social_proof: float = 0.0
    duration_median: float = 240.0
    duration_sd: float = 1.0
    watch_share: float = 0.45
    watch_gain: float = 0.5
    watch_sd: float = 0.9
    duration_elasticity: float = 0.6
    like_logit: float = -3.2
    like_gain: float = 1.1
    hide_rate: float = 0.004
    survey_share: float = 0.02
    patience: float = 1.0
    patience_sd: float = 0.5
    slate_cost: float = 0.35
    mood_gain: float = 1.0
    satisfied_at: float = 0.35
    minutes: float = 25.0
    minutes_sd: float = 0.8
    habit_gain: float = 0.5
    habit_reference: float = 0.45
    habit_half_life: float = 21.0

    def __post_init__(self) -> None:
        self._require(1 <= self.slots <= self.candidates <= self.videos // 4, SLATE_RULE)
        self._require(self.users <= MOST_USERS // 2, f"users must be at most {MOST_USERS // 2}")
        uploads = self.uploads_per_day * self.horizon_days
        self._require(self.videos + uploads < MOST_ITEMS, f"more than {MOST_ITEMS} videos")
        self._require(HOURS % self.hours_between_events == 0, "hours_between_events divides 24")
        self._require(0 < self.examination <= 1, "examination must lie in (0, 1]")
        self._require(self.style_dim + self.topics >= self.text_dim, "text_dim is too long")
        self._require(self.creators <= self.videos, "creators <= videos is needed")


SLATE_RULE = "slots <= candidates <= videos / 4 is needed"
