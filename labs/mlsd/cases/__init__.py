"""The case studies: one file each names its world, rungs, protocol, ledger columns and service.

`__init__.pyi` says where each name lives; it is loaded when it is first asked for, so that a
service starts without the ladder.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
