"""Tables of words, which pandas would align to the right."""

from __future__ import annotations

import pandas as pd

_LEFT = ' style="text-align: left;"'


class TextTable:
    """Shows a table with every column aligned to the left, its index too.

    Parameters
    ----------
    table : DataFrame
        An index of numbers without a name is left out.

    Examples
    --------
    >>> TextTable(pd.DataFrame({"cause": ["late sales", "inputs"], "score": [-9.1, 0.4]}))
    cause       score
    late sales  -9.1
    inputs      0.4
    """

    def __init__(self, table: pd.DataFrame) -> None:
        unnamed = table.index.name is None and isinstance(table.index, pd.RangeIndex)
        if not unnamed:
            names = ["" if name is None else name for name in table.index.names]
            table = table.reset_index(names=names)
        self.table = table.rename_axis(columns=None).astype(str)

    def __repr__(self) -> str:
        columns = [[str(name), *self.table.iloc[:, i]] for i, name in enumerate(self.table)]
        wide = [[cell.ljust(max(map(len, column))) for cell in column] for column in columns]
        return "\n".join("  ".join(row).rstrip() for row in zip(*wide))

    def _repr_html_(self) -> str:
        html = self.table.to_html(index=False, justify="left")
        return html.replace("<td>", f"<td{_LEFT}>").replace("<th>", f"<th{_LEFT}>")
