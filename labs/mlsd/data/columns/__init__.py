"""Turn the cells of a raw column into what its role asks for, or name the cell that prevents it."""

from mlsd.data.columns.categories import category_column
from mlsd.data.columns.labels import label_column
from mlsd.data.columns.numbers import number_column
from mlsd.data.columns.times import known_at_column, time_column
from mlsd.data.columns.weights import position_column, propensity_column, weight_column

__all__ = [
    "category_column",
    "known_at_column",
    "label_column",
    "number_column",
    "position_column",
    "propensity_column",
    "time_column",
    "weight_column",
]
