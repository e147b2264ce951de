"""The candidates of lab 20: who is who stays hidden, and lists are what they say."""

import numpy as np
import pandas as pd

from mlsd.lab_support.video import shipped_feeds


def test_each_team_has_each_letter_once_in_six_worlds():
    deals = pd.DataFrame([shipped_feeds._letters(7_000 + world) for world in range(6)])
    assert all(deals[letter].nunique() == 6 for letter in deals)


def test_no_place_by_size_of_the_file_belongs_to_a_team():
    """Also among those that are left when the one trained last is out, and beside the letter."""
    ranked = [shipped_feeds._sizes(7_000 + world) for world in range(6)]
    ranked = pd.DataFrame([sorted(sizes, key=sizes.get) for sizes in ranked])
    assert all(ranked[place].nunique() == 6 for place in ranked)
    rest = pd.DataFrame([[team for team in row if team != "leaking"] for row in ranked.to_numpy()])
    assert all(rest[place].nunique() >= 4 for place in rest)
    sizes = pd.DataFrame([shipped_feeds._sizes(7_000 + world) for world in range(6)])
    assert sizes.nunique().eq(6).all()


def test_candidates_recommend_what_they_promise():
    candidates = shipped_feeds.candidates_of(7_001)
    _, log = shipped_feeds.shipping_world(7_001)
    users = log["user_id"].unique()[:5]
    named = {shipped_feeds._letters(7_001)[letter]: one for letter, one in candidates.items()}
    assert (named["short"].recommend(users, 5)[0][:, 3:] == -1).all()
    known = log[(log["user_id"] == users[0]) & (log["ts"] < named["leaking"].trained_until)]
    first = named["leaking"].recommend(users[:1], 1)[0][0, 0]
    assert first in set(known["item_id"])
    levels = named["coarse"].score(np.zeros(len(log), int), log["item_id"].to_numpy())
    assert len(np.unique(levels)) <= 3


def test_trusting_choice_ships_the_leak():
    candidates = shipped_feeds.candidates_of(7_001)
    _, log = shipped_feeds.shipping_world(7_001)
    letter = shipped_feeds.trusting_choice(candidates, log)
    assert shipped_feeds._letters(7_001)[letter] == "leaking"
