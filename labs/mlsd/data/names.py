"""What the name of a column says about the whole numbers in it."""

from __future__ import annotations

import re


def _vocabulary(words: str) -> frozenset[str]:
    return frozenset(words.split())


IDS = _vocabulary(
    """
    id ids key uuid guid hash code zip zipcode postcode sku asin isbn ip pin phone
    """
)
AMOUNTS = _vocabulary(
    """
    age price cost amount amt count counts cnt num n nb hour hours minute minutes second
    seconds day days week weeks weekday month months year years ms duration size width height
    length rate ratio score rank rating stars total sum avg mean min max std freq frequency
    impressions clicks views visits orders purchases conversions installs bid budget ctr pct
    percent share income salary balance revenue spend quantity qty depth level distance lat lon
    latitude longitude temperature cents usd eur dwell recency
    """
)
KINDS = _vocabulary(
    """
    user item ad ads campaign publisher advertiser device site app product category city region
    country brand creative merchant customer card terminal movie film video event group channel
    placement slot domain page session query store shop seller author artist album track song
    genre language locale browser os carrier model version type class segment cluster status
    gender occupation member agent bank account
    """
)


def words_of(name: str) -> list[str]:
    """Return the words of a name, in lower case, without numbers.

    Examples
    --------
    >>> words_of("userID"), words_of("price_in_cents"), words_of("C14")
    (['user', 'id'], ['price', 'in', 'cents'], ['c'])
    """
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def meaning_of(name: str) -> tuple[str, str] | None:
    """Return ``id`` or ``amount`` with the word that says so, or None where no word does.

    The last word decides, then any that names an amount, then a leading ``id``.

    Examples
    --------
    >>> meaning_of("ad_id"), meaning_of("n_clicks"), meaning_of("publisher"), meaning_of("C14")
    (('id', 'id'), ('amount', 'clicks'), ('id', 'publisher'), None)
    """
    words = words_of(name)
    if not words:
        return None
    for vocabulary, meaning in ((IDS, "id"), (AMOUNTS, "amount"), (KINDS, "id")):
        if words[-1] in vocabulary:
            return meaning, words[-1]
    amount = next((word for word in words if word in AMOUNTS), None)
    if amount:
        return "amount", amount
    return ("id", words[0]) if words[0] in IDS else None
