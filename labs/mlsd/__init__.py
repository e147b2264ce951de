"""Shared lab utilities of the ML System Design Workbook.

Importing this package is cheap: neither torch nor matplotlib comes with it. Import the layer you
need, for example ``from mlsd.worlds import AdClickWorld``.
"""

__version__ = "0.1.0"
