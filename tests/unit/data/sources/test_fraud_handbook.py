import pickle

import numpy as np
import pandas as pd
import pytest

from mlsd.data import load_dataset, validate_log
from mlsd.data.sources.fraud_handbook import read_fraud_handbook
from mlsd.runtime import InputError

TEXTS = ("CUSTOMER_ID", "TERMINAL_ID", "TX_TIME_SECONDS", "TX_TIME_DAYS")


@pytest.fixture
def days():
    rng = np.random.default_rng(2)
    # The published days were written by an early pandas: their texts are of type object.
    frame = pd.DataFrame(
        {
            "TRANSACTION_ID": np.arange(60),
            "TX_DATETIME": pd.Timestamp("2018-04-01") + pd.to_timedelta(np.arange(60), "h"),
            "CUSTOMER_ID": rng.integers(0, 9, 60).astype(str),
            "TERMINAL_ID": rng.integers(0, 9, 60).astype(str),
            "TX_AMOUNT": rng.random(60),
            "TX_TIME_SECONDS": (np.arange(60) * 3600).astype(str),
            "TX_TIME_DAYS": (np.arange(60) // 24).astype(str),
            "TX_FRAUD": np.arange(60) % 2,
            "TX_FRAUD_SCENARIO": np.arange(60) % 2,
        }
    ).astype(dict.fromkeys(TEXTS, object))
    frame.columns = frame.columns.astype(object)
    return [day for _, day in frame.groupby(frame["TX_DATETIME"].dt.date)]


@pytest.fixture
def folder(tmp_path, days):
    folder = tmp_path / "fraud-handbook-simulated"
    folder.mkdir()
    for day in days:
        day.to_pickle(folder / f"{day['TX_DATETIME'].iloc[0]:%Y-%m-%d}.pkl")
    return folder


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_pickled_days_and_parquet_give_the_same_log(folder, days, protocol):
    for path, day in zip(sorted(folder.glob("*.pkl")), days, strict=True):
        day.to_pickle(path, protocol=protocol)
    from_pickles = load_dataset("fraud-handbook-simulated", root=folder.parent)
    validate_log(from_pickles)
    for path in folder.glob("*.pkl"):
        path.unlink()
    whole = pd.concat(days).astype({"CUSTOMER_ID": int, "TERMINAL_ID": int, "TX_TIME_SECONDS": int})
    whole.to_parquet(folder / "transactions.parquet")
    from_parquet = load_dataset("fraud-handbook-simulated", root=folder.parent)
    pd.testing.assert_frame_equal(from_pickles.frame, from_parquet.frame)
    assert "TX_FRAUD_SCENARIO" not in from_parquet.frame


def test_labels_are_known_a_week_later(folder):
    log = load_dataset("fraud-handbook-simulated", root=folder.parent)
    assert (log.frame["known_at"] - log.frame["ts"]).eq(7 * 86_400).all()
    assert log.frame["ts"].tolist() == [hour * 3600 for hour in range(60)]


class Bomb:
    def __reduce__(self):
        return (exec, ("raise SystemExit('the pickle ran code')",))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pickle.dumps(Bomb()), "asks for builtins.exec"),
        (b"cpandas.core.frame\nDataFrame.eval\n.", "asks for pandas.core.frame.DataFrame.eval"),
        (pickle.dumps([1]), "no readable table"),
        (b"", "no readable table"),
        (pickle.dumps(pd.DataFrame({"a": [1]})), "no readable table"),
    ],
)
def test_a_pickle_runs_no_code_and_damage_is_reported(folder, data, message):
    (folder / "2018-04-02.pkl").write_bytes(data)
    with pytest.raises(InputError, match=f"2018-04-02.pkl: .*{message}"):
        read_fraud_handbook(folder)
