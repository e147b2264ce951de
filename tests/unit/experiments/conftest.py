"""A log in which an ad's number decides how often it is clicked."""

import numpy as np
import pandas as pd
import pytest

from mlsd.data import ColumnRoles, LabelledLog, Split


@pytest.fixture(scope="session")
def planted_log():
    def make(rows=1200, *, item=True, user=False, seed=5):
        generator = np.random.default_rng(seed)
        ad = generator.integers(8, size=rows)
        label = (generator.random(rows) < 0.1 + 0.08 * ad).astype(np.int8)
        frame = pd.DataFrame(
            {"ad_id": ad, "site": generator.integers(3, size=rows), "click": label}
        ).assign(ts=range(rows), user_id=generator.integers(60, size=rows))
        roles = ColumnRoles(
            "click",
            time="ts",
            user="user_id" if user else None,
            item="ad_id" if item else None,
            categorical=("site",),
        )
        cut = np.split(np.arange(rows), [int(0.8 * rows), int(0.9 * rows)])
        return LabelledLog("planted", frame, roles, Split(*cut, description="by time"))

    return make
