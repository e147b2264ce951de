"""The ladder, its ledger, and tests of one policy against another."""

from mlsd.experiments.ad_click_rungs import AD_CLICK_RUNGS
from mlsd.experiments.deployment import deployer, run_ab_test
from mlsd.experiments.ladder import run_ladder
from mlsd.experiments.ledger import ledger_path, load_ledger, write_json, write_ledger
from mlsd.experiments.run_store import RunStore
from mlsd.experiments.sources import LogSource, WorldSource, default_seeds
from mlsd.experiments.summary import summarise_ladder

__all__ = [
    "AD_CLICK_RUNGS",
    "LogSource",
    "RunStore",
    "WorldSource",
    "default_seeds",
    "deployer",
    "ledger_path",
    "load_ledger",
    "run_ab_test",
    "run_ladder",
    "summarise_ladder",
    "write_json",
    "write_ledger",
]
