"""Indexes over item vectors: which items have the largest inner product with a query.

`__init__.pyi` says where each name lives; it is loaded when it is first asked for, so that the
import stays cheap.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
