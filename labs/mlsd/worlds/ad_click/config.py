"""Every parameter of the ad click world; the behaviour card says why each has its value."""

from __future__ import annotations

from dataclasses import dataclass

from mlsd.worlds.kit.config import WorldConfig

HOURS = 24
AGE_BANDS, REGIONS, DEVICES, FORMATS, DAYPARTS = 6, 5, 3, 4, 4

PRICE_RULES = ("gsp", "second", "first")
BILLINGS = ("click", "impression")
RESPONSES = ("none", "best_reply")
SIZES: dict[str, dict[str, int]] = {
    "small": {
        "users": 1_000,
        "requests_per_day": 1_500,
        "publishers": 40,
        "advertisers": 30,
        "campaigns": 80,
        "live_ads": 200,
    },
    "default": {},
    "large": {"users": 400_000, "requests_per_day": 1_190_000, "publishers": 2_000},
}
VARIANTS: dict[str, dict[str, float | bool]] = {
    "feature_poor": {
        "users": 100_000,
        "user_ids_logged": False,
        "live_ads": 3_000,
        "interest_codes": 500,
        "topics": 500,
        "interest_topic_rank": 3,
        "interest_topic_sd": 2.0,
        "interest_topic_mean": 0.3,
        "base_logit": -6.2,
        "cluster_taste_sd": 0.0,
        "user_taste_sd": 0.0,
        "daypart_taste_sd": 0.0,
        "user_bias_sd": 0.3,
        "ad_quality_sd": 0.2,
        "campaign_sd": 0.2,
        "publisher_sd": 0.15,
        "publisher_category_sd": 0.1,
    },
}


@dataclass(frozen=True)
class AdClickConfig(WorldConfig):
    """Parameters of the ad click world. Standard deviations (``_sd``) are on the logit scale.

    The variant ``"feature_poor"`` has no user ids, as where privacy rules leave one coarse interest
    code per user; ads carry one of many topics, clicks depend on the pair through a low-rank
    affinity, and hardly anything else tells.

    Attributes
    ----------
    users, advertisers, campaigns, live_ads, publishers, categories, clusters : int
        How many there are; clusters of taste are hidden from the log.
    requests_per_day : int
        Mean over the week.
    slots, candidates : int
        Ads shown, and ads considered, per request.
    horizon_days : int
        Last day that the world can be run to.
    exploration_share : float
        Share of the history's requests whose candidates are ordered at random.
    price_rule : str
        ``"gsp"``: the bid that would just have kept the rank; ``"second"``: the bid that would just
        have won any slot; ``"first"``: the own bid.
    billing : str
        ``"click"``: bids and prices per click, ranked by bid times predicted click-through rate;
        ``"impression"``: per thousand impressions, ranked by the bid.
    reserve_price : float
        Least price; also what randomly ordered impressions cost.
    score_reserve : float
        Least score that is shown, in the score's unit: where clicks are billed, bid times predicted
        click-through rate, expected money per impression. It bounds the price below as a rival's
        score would. Randomly ordered impressions ignore it.
    response : str
        ``"none"``: bids stay as they are; ``"best_reply"``: every midnight each campaign moves its
        bid towards what would have earned it the largest surplus against the last day's rivals.
    base_logit : float
        Attraction of an average ad for an average user.
    examination : tuple of float
        Probability that a slot is looked at, top slot first; the last ratio continues.
    cluster_taste_sd, user_taste_sd, daypart_taste_sd, user_bias_sd : float
        Category tastes of clusters, users within clusters and clusters by time of day; how readily
        users click at all.
    drift_per_day : float
        Radians per day by which the cluster tastes turn.
    event_days : tuple of int
        First day of an event that shifts everybody's tastes at once, and the day after its last.
    event_sd : float
        Shift of a category's attraction during the event.
    ad_quality_sd, campaign_sd, publisher_sd, publisher_category_sd, device_format_sd : float
        Effects of the ad, its campaign, the publisher, publisher by category, device by format.
    fatigue : float
        Loss of logit per unit of log(1 + views of this ad by this user).
    activity_sd, popularity_exponent, publisher_exponent : float
        Spread of users' log activity; Zipf exponents of campaigns and publishers.
    churn : float
        Share of live ads that die and are replaced each night.
    signups_per_day : float
        New users per day as a share of `users`.
    bot_share, fraud_publisher_share, spam_click_rate : float
        Users that are bots, publishers with bot traffic, and their click probability.
    conversion_rate, conversion_value : float
        Mean conversion probability of a genuine click, and the mean value of a conversion.
    hide_rate : float
        Probability that an examined ad without appeal is hidden.
    budget_per_impression, budget_sd : float
        Mean daily budget per expected impression, and the spread of its logarithm.
    interest_codes, topics, interest_topic_rank : int
        Levels of the users' and ads' codes (0: there are none), and the rank of their affinity.
    user_ids_logged : bool
        Whether the log and the policy see who asks, or the user's attributes alone.
    interest_topic_sd, interest_topic_mean : float
        Spread of that affinity, and mean of its factors as a share of their spread.

    Examples
    --------
    >>> AdClickConfig.variant("feature_poor").topics > 0
    True
    >>> AdClickConfig().scaled("small").users
    1000
    """

    sizes = SIZES
    variants = VARIANTS

    users: int = 16_000
    advertisers: int = 150
    campaigns: int = 400
    live_ads: int = 1_000
    publishers: int = 200
    categories: int = 24
    clusters: int = 12
    requests_per_day: int = 24_000
    slots: int = 3
    candidates: int = 10
    horizon_days: int = 60
    exploration_share: float = 0.05
    price_rule: str = "first"
    billing: str = "click"
    reserve_price: float = 0.05
    score_reserve: float = 0.0
    response: str = "none"
    base_logit: float = -4.7
    examination: tuple[float, ...] = (1.0, 0.6, 0.42)
    cluster_taste_sd: float = 1.0
    user_taste_sd: float = 0.7
    daypart_taste_sd: float = 0.4
    user_bias_sd: float = 0.7
    drift_per_day: float = 0.03
    event_days: tuple[int, int] = (0, 0)
    event_sd: float = 0.0
    ad_quality_sd: float = 0.4
    campaign_sd: float = 0.3
    publisher_sd: float = 0.3
    publisher_category_sd: float = 0.6
    device_format_sd: float = 0.3
    fatigue: float = 0.43
    activity_sd: float = 1.1
    popularity_exponent: float = 0.8
    publisher_exponent: float = 0.9
    churn: float = 0.04
    signups_per_day: float = 0.004
    bot_share: float = 0.004
    fraud_publisher_share: float = 0.03
    spam_click_rate: float = 0.12
    conversion_rate: float = 0.08
    conversion_value: float = 12.0
    hide_rate: float = 0.004
    budget_per_impression: float = 0.03
    budget_sd: float = 0.6
    interest_codes: int = 0
    topics: int = 0
    user_ids_logged: bool = True
    interest_topic_rank: int = 6
    interest_topic_sd: float = 0.0
    interest_topic_mean: float = 0.0

    def __post_init__(self) -> None:
        self._require(self.price_rule in PRICE_RULES, f"price_rule must be one of {PRICE_RULES}")
        self._require(self.billing in BILLINGS, f"billing must be one of {BILLINGS}")
        self._require(self.response in RESPONSES, f"response must be one of {RESPONSES}")
        self._require(self.score_reserve >= 0, "score_reserve must not be negative")
        self._require(
            self.response == "none" or self.billing == "click",
            "advertisers respond only where clicks are billed",
        )
        self._require(
            1 <= self.slots <= self.candidates <= self.live_ads // 4,
            "slots <= candidates <= live_ads / 4 is needed",
        )
        self._require(self.campaigns <= self.live_ads, "campaigns <= live_ads is needed")
        self._require(0 <= self.exploration_share <= 1, "exploration_share must lie in [0, 1]")
        self._require(
            0 <= self.event_days[0] <= self.event_days[1],
            "event_days must be a first day and the day after the last",
        )
        self._require(
            (self.interest_codes > 0) == (self.topics > 0),
            "interest_codes and topics must be both zero or both positive",
        )
