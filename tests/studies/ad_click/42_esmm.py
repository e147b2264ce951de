"""How far pCVR errs where nobody clicked, under three losses, in other funnels like chapter 42's.

Per funnel drawn with a seed: the mean predicted less the mean true conversion probability of the
unclicked impressions, in percentage points, for each loss at two settings of weight decay; once
with an appeal that the columns know, once with a mood beside it that they do not.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mlsd.experiments import run_study

SEEDS = (20, 21, 22, 23, 24)
ADS, SEGMENTS, ROWS = 1000, 8, 40_000


def train(ad, segment, clicked, bought, kind, decay):
    """Return pCVR of all impressions after training with the given kind of loss."""
    torch.manual_seed(0)
    ads, segments, towers = nn.Embedding(ADS, 8), nn.Embedding(SEGMENTS, 8), nn.Linear(8, 2)
    nn.init.normal_(ads.weight, std=0.1)
    parts = nn.ModuleList([ads, segments, towers])
    optimizer = torch.optim.Adam(parts.parameters(), lr=0.05, weight_decay=decay)
    y, z = torch.tensor(clicked).float(), torch.tensor(bought).float()
    for _ in range(80):
        scores = towers(ads(torch.tensor(ad)) + segments(torch.tensor(segment)))
        click, given = torch.sigmoid(scores).unbind(1)
        losses = {"clicked rows": functional.binary_cross_entropy(given, z, weight=y / y.mean())}
        losses["product loss"] = functional.binary_cross_entropy(click * given, z)
        losses["ESMM"] = functional.binary_cross_entropy(click, y) + losses["product loss"]
        optimizer.zero_grad()
        losses[kind].backward()
        optimizer.step()
    return given.detach().numpy()


def measure(seed):
    """Return one row per funnel, loss, and weight decay."""
    rng, rows = np.random.default_rng(seed), []
    ad, segment = rng.integers(0, ADS, ROWS), rng.integers(0, SEGMENTS, ROWS)
    pull = 1.2 * rng.normal(size=ADS)[ad] + 0.5 * rng.normal(size=SEGMENTS)[segment]
    for funnel, strength in (("appeal", 0.0), ("appeal and hidden mood", 1.0)):
        mood = strength * rng.normal(size=ROWS)
        chance = 1 / (1 + np.exp(1.5 - pull - mood))
        clicked = rng.random(ROWS) < 1 / (1 + np.exp(3.3 - pull - mood))
        bought = clicked & (rng.random(ROWS) < chance)
        for kind in ("clicked rows", "product loss", "ESMM"):
            for decay in (1e-5, 1e-4):
                rates = train(ad, segment, clicked, bought, kind, decay)
                error = 100 * float(rates[~clicked].mean() - chance[~clicked].mean())
                rows.append({"funnel": funnel, "loss": kind, "decay": decay, "error": error})
    return rows


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/42_esmm")
