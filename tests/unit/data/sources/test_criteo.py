import numpy as np
import pyarrow as pa
import pytest

from mlsd.data import load_dataset, validate_log
from mlsd.data.sources.criteo import COLUMNS, read_criteo
from mlsd.data.tables import read_table
from mlsd.runtime import InputError, project_root


def test_the_files_are_pooled_in_the_order_train_dev_test(criteo):
    table = read_criteo(criteo)["all"].table
    assert table.column("C26").to_pylist() == [f"{row:08x}" for row in range(80)]


def test_the_log_stands_in_shuffled_order(criteo):
    log = load_dataset("criteo-kaggle-8k", root=criteo.parent)
    validate_log(log)
    order = np.random.default_rng(0).permutation(80)
    assert log.frame["C1"].tolist() == [f"{row:08x}" for row in order]
    assert [len(rows) for rows in log.parts().values()] == [48, 8, 24]
    assert log.roles.time is None
    assert log.users is None
    assert (log.frame["I1"].isna() == (order % 3 == 0)).all()


def test_the_published_order_is_the_shuffle_of_the_spec():
    raw = read_table(project_root() / "data/specs/criteo-kaggle-8k.order.csv")
    published = raw.table.column("position").cast(pa.int64()).to_numpy()
    assert (published == np.random.default_rng(0).permutation(8_000)).all()


def test_files_with_a_header_and_gzipped_are_the_same(criteo, gzip_file):
    plain = read_criteo(criteo)["all"].table
    for path in sorted(criteo.glob("*.csv")):
        headed = path.with_suffix(".tsv")
        headed.write_text("\t".join(COLUMNS) + "\n" + path.read_text())
        gzip_file(headed)
        path.unlink()
    assert read_criteo(criteo)["all"].table.equals(plain)


def test_a_missing_file_says_how_to_get_it(criteo, monkeypatch):
    monkeypatch.setenv("MLSD_DATA", str(criteo.parent))
    (criteo / "dev.csv").unlink()
    with pytest.raises(InputError, match="dev.csv not found .*'mlsd data fetch criteo-kaggle-8k'"):
        load_dataset("criteo-kaggle-8k")
