"""Every parameter of the event world; the behaviour card says why each has its value."""

from __future__ import annotations

from dataclasses import dataclass

from mlsd.worlds.kit.config import WorldConfig

HOURS = 24
AGE_BANDS = 5
# A request and an event, or a user and an event, have to fit into one 64-bit key of a random draw.
MOST_EVENTS, MOST_USERS = 1 << 21, 1 << 20
PUSH_HOUR = 17

SIZES: dict[str, dict[str, int]] = {
    "small": {"users": 1_500, "hosts": 150, "venues": 120, "groups": 150, "events_per_day": 24},
    "default": {},
    "large": {
        "users": 400_000,
        "hosts": 24_000,
        "venues": 12_000,
        "groups": 16_000,
        "events_per_day": 4_000,
    },
}
VARIANTS: dict[str, dict[str, float]] = {
    "no_friends": {"friend_gain": 0.0, "invite_rate": 0.0},
    "roomy": {"capacity_median": 10_000.0},
}


@dataclass(frozen=True)
class EventConfig(WorldConfig):
    """Parameters of the event world. Standard deviations (``_sd``) are on the logit scale.

    The variant ``"no_friends"`` switches the influence of friends off, ``"roomy"`` makes rooms so
    large that none sells out.

    Attributes
    ----------
    users, hosts, venues, groups : int
        How many there are on the first day.
    cities : int
        Far apart: what can be reached lies in one's own.
    topics, clusters : int
        Of events; clusters of taste are hidden from the log.
    events_per_day : int
        New events per day.
    signups_per_day, new_hosts_per_day, moves_per_day : float
        As a share of users, hosts and users.
    slots : int
        Events on a page of the feed, at the most.
    hours_between_events : int
        How often policies are handed what became known; divides 24.
    horizon_days : int
        Last day that the world can be run to.
    reach_km : float
        Events farther from home than this cannot be recommended.
    visits_per_day, activity_sd : float
        Mean of the first users, and the spread of its logarithm.
    city_exponent : float
        City sizes fall with rank to this power.
    city_km : float
        Spread of homes around the centre of the largest city; others are smaller.
    friends : float
        Mean number at the horizon.
    friends_before : float
        Share of friendships and memberships that are older than the log.
    groups_per_user : float
        Mean number of groups that a user belongs to.
    lead_days, lead_sd : float
        Median time between publication and start, and the spread of its logarithm.
    capacity_median, capacity_sd : float
        Seats of an event, and the spread of the logarithm.
    free_share : float
        Share of events without a ticket price.
    price_median : float
        Of the others, in the currency of the world.
    base_logit : float
        Click logit of an examined average event for an average user who lives next to it.
    examination : float
        Probability of looking at the next slot, given that this one was looked at.
    topic_sd, personal_sd, style_sd : float
        Taste of clusters and of single users for topics, and for the style of events.
    style_dim : int
    hype_sd, quality_sd : float
        What draws clicks and yeses from everybody, and what makes people come and come back.
    host_share : float
        Share of the variance of hype and quality that belongs to the host.
    distance_loss : float
        Loss of logit per unit of log(1 + km / 2).
    price_loss : float
        Loss of logit per unit of log(1 + price / 10) at average sensitivity.
    habit_fit : float
        Gain of logit at a user's favourite hour and part of the week, over the worst.
    friend_gain : float
        Gain of logit per unit of log(1 + friends who said yes).
    member_gain : float
        Gain of logit of an event of one's own group.
    seen_loss : float
        Loss of logit per unit of log(1 + times shown before).
    soldout_loss : float
        Loss of logit of an event that shows no seats left.
    yes_logit, maybe_logit, no_logit : float
        Of somebody who looks at the page of an average event.
    clash_loss : float
        Loss of the yes logit where another yes lies at the same time.
    waitlist_share : float
        Share of those turned away that stay on the waiting list.
    show_logit : float
        Attendance logit of an average yes.
    show_match, show_price, show_friends, show_distance, show_lead, show_hype : float
        What moves it: the match without hype, having paid, friends who go (per unit of log(1 +
        friends)), distance and lead time (per unit of log), hype.
    invite_rate : float
        Probability that a yes invites a given friend.
    invite_gain : float
        Gain of the yes logit of somebody who was invited.
    group_reach : float
        Probability that a member looks at the page of a new event of the group by itself.
    push_logit, push_fatigue : float
        Logit of opening a push of an average event, and its loss per unit of log(1 + pushes of the
        last seven days).
    push_holdout : float
        Share of users who are never sent a push.
    push_share : float
        Share of eligible users that the logging policy considers on a day.
    opt_out_rate, opt_out_fatigue : float
        Largest probability that a first push of the week switches pushes off, and the power of
        the number of pushes with which it grows.
    opt_out_habit : float
        What switching pushes off takes from the logarithm of visits per day.
    habit_gain, habit_half_life, refused_loss : float
        How the logarithm of visits per day grows with an event that was enjoyed, after how many
        days half of it is left, and what being turned away takes from it.

    Examples
    --------
    >>> EventConfig().scaled("small").users
    1500
    >>> EventConfig.variant("no_friends").friend_gain
    0.0
    """

    sizes = SIZES
    variants = VARIANTS

    users: int = 12_000
    hosts: int = 900
    venues: int = 700
    groups: int = 700
    cities: int = 32
    topics: int = 16
    clusters: int = 10
    events_per_day: int = 120
    signups_per_day: float = 0.004
    new_hosts_per_day: float = 0.008
    moves_per_day: float = 0.001
    slots: int = 10
    hours_between_events: int = 1
    horizon_days: int = 70
    reach_km: float = 40.0
    visits_per_day: float = 0.45
    activity_sd: float = 1.0
    city_exponent: float = 0.8
    city_km: float = 9.0
    friends: float = 12.0
    friends_before: float = 0.8
    groups_per_user: float = 3.0
    lead_days: float = 9.0
    lead_sd: float = 0.7
    capacity_median: float = 22.0
    capacity_sd: float = 0.8
    free_share: float = 0.55
    price_median: float = 12.0
    base_logit: float = -1.9
    examination: float = 0.85
    topic_sd: float = 0.9
    personal_sd: float = 0.5
    style_sd: float = 0.5
    style_dim: int = 4
    hype_sd: float = 0.5
    quality_sd: float = 0.6
    host_share: float = 0.5
    distance_loss: float = 0.6
    price_loss: float = 0.5
    habit_fit: float = 1.0
    friend_gain: float = 0.7
    member_gain: float = 0.8
    seen_loss: float = 0.35
    soldout_loss: float = 1.5
    yes_logit: float = -1.4
    maybe_logit: float = -1.6
    no_logit: float = -3.0
    clash_loss: float = 2.5
    waitlist_share: float = 0.5
    show_logit: float = 0.6
    show_match: float = 0.4
    show_price: float = 0.9
    show_friends: float = 0.5
    show_distance: float = 0.4
    show_lead: float = 0.35
    show_hype: float = 0.3
    invite_rate: float = 0.07
    invite_gain: float = 0.9
    group_reach: float = 0.06
    push_logit: float = -2.2
    push_fatigue: float = 0.5
    push_holdout: float = 0.1
    push_share: float = 0.25
    opt_out_rate: float = 0.012
    opt_out_fatigue: float = 0.8
    opt_out_habit: float = 0.25
    habit_gain: float = 0.12
    habit_half_life: float = 21.0
    refused_loss: float = 0.12

    def __post_init__(self) -> None:
        self._require(self.users <= MOST_USERS // 2, f"users must be at most {MOST_USERS // 2}")
        self._require(self.cities >= 2, "cities must be at least 2")
        self._require(HOURS % self.hours_between_events == 0, "hours_between_events divides 24")
        self._require(0 < self.examination <= 1, "examination must lie in (0, 1]")
        self._require(self.users >= 8 * self.cities, "users >= 8 * cities is needed")
        self._require(self.hosts >= self.cities, "hosts >= cities is needed")
