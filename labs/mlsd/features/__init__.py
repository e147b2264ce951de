"""Encoders, and features as of a moment: in batch, as a streaming twin, and as SQL.

`__init__.pyi` says where each name lives; it is loaded when it is first asked for, so that a
service which only looks features up loads nothing else.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
