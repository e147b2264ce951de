"""The ladder, its ledger, and tests of one policy against another."""

from mlsd.experiments.ab_statistics import (
    cuped,
    false_alarm_probability,
    holm,
    sample_ratio_p_value,
    sequential_boundary,
    users_per_arm,
)
from mlsd.experiments.deployment import deployer, run_ab_test
from mlsd.experiments.ladder import Ladder, run_ladder
from mlsd.experiments.ledger import (
    ledger_path,
    load_ledger,
    require_replaceable,
    write_json,
    write_ledger,
)
from mlsd.experiments.lifts import mean_lift, paired_ratio_lift, ratio_lift, ratio_spread
from mlsd.experiments.metric_validity import metric_validity
from mlsd.experiments.protocols import RankingProtocol, RecommendingProtocol, ScoringProtocol
from mlsd.experiments.run_store import RunStore
from mlsd.experiments.rungs import Outcomes, Rung
from mlsd.experiments.sources import LogSource, Replicate, WorldSource, default_seeds
from mlsd.experiments.stream import rows_to_learn
from mlsd.experiments.studies import load_study, run_study, study_path
from mlsd.experiments.summary import summarise_ladder
from mlsd.experiments.twins import twin_changes

__all__ = [
    "Ladder",
    "LogSource",
    "Outcomes",
    "RankingProtocol",
    "RecommendingProtocol",
    "Replicate",
    "RunStore",
    "Rung",
    "ScoringProtocol",
    "WorldSource",
    "cuped",
    "default_seeds",
    "deployer",
    "false_alarm_probability",
    "holm",
    "ledger_path",
    "load_ledger",
    "load_study",
    "mean_lift",
    "metric_validity",
    "paired_ratio_lift",
    "ratio_lift",
    "ratio_spread",
    "require_replaceable",
    "rows_to_learn",
    "run_ab_test",
    "run_ladder",
    "run_study",
    "sample_ratio_p_value",
    "sequential_boundary",
    "study_path",
    "summarise_ladder",
    "twin_changes",
    "users_per_arm",
    "write_json",
    "write_ledger",
]
