"""From scores to decisions: what is deployed into any world; one package per case for the rest.

`__init__.pyi` says where each name lives; it is loaded when it is first asked for, so that a
service can arrange a page without the libraries of training.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
