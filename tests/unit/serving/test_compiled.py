"""What is served scores as what was fitted: every rung of the ladder, saved and read again."""

import numpy as np
import pytest
from scipy.special import expit

from mlsd.cases import find_case
from mlsd.experiments.prepared import select_columns
from mlsd.serving.compiled import SAVED_FORMS, RequestColumns
from mlsd.serving.compiled.fitted import compile_scorer
from mlsd.serving.saved_objects import load_object, save_object

CASE = find_case("ad_click")
RUNGS = {rung.name: rung for rung in CASE.ladder.rungs if not rung.is_oracle}
# Networks compute in single precision, and their sums in another order.
IN_SINGLE = {"fm", "dlrm", "deepfm", "dcn", "din", "esmm", "ensemble", "student"}


@pytest.fixture(scope="module")
def prepared():
    source = CASE.source(size="small", history_days=2)
    return CASE.ladder.protocol.prepare(next(source.replicates((3,))))


def some_rows(columns):
    """Return rows of the test part, then the same with ids that nobody saw and no number."""
    known = {name: np.asarray(columns[name])[:100] for name in columns}
    strange = dict(known)
    for name in ("user_id", "ad_id", "publisher_id"):
        strange[name] = np.where(np.arange(100) % 2, known[name], -1 - 70_000 * known[name])
    strange["ad_age_days"] = np.where(np.arange(100) % 3, known["ad_age_days"], np.nan)
    return {name: np.concatenate([known[name], strange[name]]) for name in known}


@pytest.mark.parametrize("name", RUNGS)
def test_a_rung_scores_as_it_was_fitted(name, prepared, tmp_path):
    rung = RUNGS[name]
    settings = rung.settings(prepared.replicate.log.roles)[-1]
    model = CASE.ladder.protocol.fit(rung, prepared, settings).model
    rows = some_rows(select_columns(rung, prepared, "test"))
    save_object(compile_scorer(model), tmp_path, "model")
    served = load_object(tmp_path, "model", SAVED_FORMS)
    probability = model.predict_proba(rows)[:, 1]
    error = np.abs(expit(served.score(RequestColumns(rows))) - probability)
    single = name.removesuffix("_counters").removesuffix("_v2") in IN_SINGLE
    assert error.max() < (2e-6 if single else 1e-12)
    if name != "global_rate":
        assert np.ptp(probability) > 1e-3
