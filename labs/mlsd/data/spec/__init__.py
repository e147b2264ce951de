"""The description of a log as a TOML file: where the table lies, what its columns mean, the split.

Only ``[columns] label`` and a table are required::

    case = "ad_click"
    name = "my-log"

    [table]                  # CSV, TSV or Parquet, also .gz or .zst
    path = "log.parquet"     # or a folder, or a pattern such as "logs/*.parquet"; or train,
                             # validation and test, three paths, with kind = "given"
    delimiter = ";"          # optional, one character
    decimal = ","            # optional; "." is the default
    missing = ["-", "\\\\N"]   # texts for a missing value, beside "", NA, N/A, NaN, NULL and None
    names = ["click", "ts"]  # of a text table without a header

    [columns]
    label = "click"          # 0 or 1, or true or false
    label_positive = ["yes"] # or: the values that count as 1
    label_rule = ">= 4"      # or: what a number has to be; or "filled", any value at all
    time = "ts"              # seconds, or ISO 8601 text or timestamps
    time_unit = "ms"         # of numbers: s, ms, us, ns, min, h or d
    time_format = "%y%m%d%H" # or: as strptime reads text or whole numbers; UTC
    known_at = "settled"     # when the label became known
    known_at_missing = "7d"  # where that is empty: how long after the time of the row; or "end",
                             # with the log, until when counters know of no such row
    user = "user_id"
    item = "ad_id"
    amount = "price"
    weight = "weight"        # rows of the whole log that a row stands for,
    sampling_rate = "kept"   # or: the share of such rows that were kept; the weight is 1 / rate
    position = "slot"        # where it was shown, and
    propensity = "p"         # the probability with which it was chosen: neither is a feature
    categorical = ["device", "publisher"]
    numeric = ["ad_age_days"]
    ignore = ["row_id"]
    others = "infer"         # columns without a role become features, the default where neither
                             # list of features is given; or "ignore"

    [counters]
    entities = [["ad_id"], ["user_id", "device"]]

    [split]
    kind = "time"            # or "shuffle" or "given"; the default is "time" where there is one
    parts = [0.8, 0.1, 0.1]
    seed = 0                 # of "shuffle"

A log of interactions, ``case = "video"``, needs a user and an item instead of a label: every row
is an interaction, or each with label 1 where there is one. It has no counters and no ``known_at``;
of its other columns those listed are handed on. It may have more::

    case = "video"

    [columns]
    user = "user_id"
    item = "film_id"
    time = "ts"              # optional, as are weight, and label with label_rule

    [items]                  # optional: what is known of each item
    path = "films.parquet"   # or CSV, or .npz: an array of ids, and one row per item in the others
    id = "film_id"           # the column or array of ids, by default called as in [columns]
    categorical = ["studio"] # numbers that are categories
    ignore = ["poster"]

    [split]
    kind = "leave-last-out"  # each user's last by time is the test, the one before validates
    ties = "random"          # order of a user's rows of equal time; "file" is the default
    seed = 0                 # of "random"

    [lists]
    k = 20                   # items in a list
    exclude_validation = true # whether test lists leave out what was chosen in validation; the
                             # default is true where the split follows time
"""

from mlsd.data.spec.document import load_spec
from mlsd.data.spec.parts import (
    LIST_ROLES,
    SINGLE_ROLES,
    ColumnSpec,
    ItemsSpec,
    LogSpec,
    SplitSpec,
    TableSpec,
)

__all__ = [
    "LIST_ROLES",
    "SINGLE_ROLES",
    "ColumnSpec",
    "ItemsSpec",
    "LogSpec",
    "SplitSpec",
    "TableSpec",
    "load_spec",
]
