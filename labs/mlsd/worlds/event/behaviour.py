"""How people really choose what to go to: the hidden truth of the event world.

How well an event *matches* a user is the taste for its topics and its style, less the distance from
home, less its price, plus how its hour and weekday fit the user's habits. Whoever looks at a slot
clicks by match, by hype, by friends who have said yes, by membership in its group, less having been
shown it before, and less where no seat is left. Whoever is on the page of an event says *yes* by
match and hype and friends, less a clash with another yes. Whoever has said yes *comes* by match
without the hype, by what was paid, by friends who go, less distance and less the time that has
passed since; hype keeps people away. So the three labels order events differently.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds.event.catalogue import SATURDAY, Events
from mlsd.worlds.event.config import HOURS, EventConfig
from mlsd.worlds.event.population import Users
from mlsd.worlds.kit.draws import sigmoid

HALF_KM, HABIT_HOURS = 2.0, 3.5


@dataclass(frozen=True)
class Company:
    """What others have to do with pairs of users and events; shape (n,) or (n, k) each.

    `friends` who said yes, whether the user is a `member` of the event's group, how often the user
    was `shown` the event, and whether it is `full`.
    """

    friends: np.ndarray
    member: np.ndarray
    shown: np.ndarray
    full: np.ndarray


class Behaviour:
    """Probabilities of what people do with events.

    Parameters
    ----------
    config : EventConfig
    users : Users
    events : Events
    """

    def __init__(self, config: EventConfig, users: Users, events: Events) -> None:
        self.config = config
        self.users = users
        self.events = events
        slots = np.arange(config.slots)
        # The probability that a slot is looked at; one draw decides how deep a reader gets.
        self.examination = (config.examination**slots).astype(np.float32)
        weekend = (events.starts_at // DAY % 7 >= SATURDAY).astype(np.float32)
        self._weekend = 2 * weekend - 1
        self._hour = (events.starts_at / HOUR % HOURS).astype(np.float32)
        self._log_price = np.log1p(events.price / 10).astype(np.float32)

    def distance(self, x: np.ndarray, y: np.ndarray, event: np.ndarray) -> np.ndarray:
        """Return kilometres between homes and events, of the shape of `event`."""
        return np.hypot(x - self.events.x[event], y - self.events.y[event])

    def match(self, user: np.ndarray, event: np.ndarray, km: np.ndarray) -> np.ndarray:
        """Return how well events fit users, in logits; arrays of one shape."""
        config, users, events = self.config, self.users, self.events
        share = events.second_share[event]
        taste = (1 - share) * users.taste[user, events.topic[event]]
        taste += share * users.taste[user, events.second[event]]
        style = np.einsum("...d,...d->...", users.style[user], events.style[event])
        taste += np.float32(config.style_sd / np.sqrt(config.style_dim)) * style
        taste -= np.float32(config.distance_loss) * np.log1p(km / np.float32(HALF_KM))
        taste -= users.price_loss[user] * self._log_price[event]
        return taste + np.float32(config.habit_fit) * self._habit(user, event)

    def _habit(self, user: np.ndarray, event: np.ndarray) -> np.ndarray:
        """Return from about -1 to 1 how an event's time fits a user's habits."""
        away = (self._hour[event] - self.users.hour[user]) / np.float32(HABIT_HOURS)
        return np.exp(-(away**2)) - 0.5 + 0.5 * self.users.weekend[user] * self._weekend[event]

    def click(self, event: np.ndarray, match: np.ndarray, company: Company) -> np.ndarray:
        """Return the probability of a click on what is looked at."""
        config = self.config
        logit = np.float32(config.base_logit) + match + self.events.hype[event]
        logit += self._company(company)
        logit -= np.float32(config.seen_loss) * np.log1p(company.shown)
        return sigmoid(logit - np.float32(config.soldout_loss) * company.full)

    def _company(self, company: Company) -> np.ndarray:
        config = self.config
        friends = np.float32(config.friend_gain) * np.log1p(company.friends)
        return friends + np.float32(config.member_gain) * company.member

    def yes(
        self,
        event: np.ndarray,
        match: np.ndarray,
        company: Company,
        invited: np.ndarray,
        clash: np.ndarray,
    ) -> np.ndarray:
        """Return the probability of a yes on the page of an event."""
        config = self.config
        logit = np.float32(config.yes_logit) + match + self.events.hype[event]
        logit += self._company(company) + np.float32(config.invite_gain) * invited
        return sigmoid(logit - np.float32(config.clash_loss) * clash)

    def comes(
        self,
        event: np.ndarray,
        match: np.ndarray,
        km: np.ndarray,
        friends: np.ndarray,
        lead_days: np.ndarray,
    ) -> np.ndarray:
        """Return the probability that somebody who said yes comes."""
        config, events = self.config, self.events
        logit = np.float32(config.show_logit) + np.float32(config.show_match) * match
        logit += np.float32(config.show_price) * (events.price[event] > 0)
        logit += np.float32(config.show_friends) * np.log1p(friends)
        logit -= np.float32(config.show_distance) * np.log1p(km / np.float32(HALF_KM))
        logit -= np.float32(config.show_lead) * np.log1p(lead_days)
        return sigmoid(logit - np.float32(config.show_hype) * events.hype[event])

    def enjoyment(self, event: np.ndarray, match: np.ndarray) -> np.ndarray:
        """Return from 0 to 1 what going is worth to those who came."""
        return sigmoid(0.7 * match + self.events.quality[event] + np.float32(0.3))

    def opens_push(
        self, event: np.ndarray, match: np.ndarray, company: Company, pushes: np.ndarray
    ) -> np.ndarray:
        """Return the probability that a push is opened, given those of the last seven days."""
        config = self.config
        logit = np.float32(config.push_logit) + match + self.events.hype[event]
        logit += self._company(company)
        return sigmoid(logit - np.float32(config.push_fatigue) * np.log1p(pushes))

    def opts_out(self, match: np.ndarray, pushes: np.ndarray) -> np.ndarray:
        """Return the probability that a push makes somebody switch pushes off."""
        config = self.config
        tired = (1 + pushes) ** np.float32(config.opt_out_fatigue)
        return np.minimum(np.float32(config.opt_out_rate) * tired * sigmoid(-match), 1)
