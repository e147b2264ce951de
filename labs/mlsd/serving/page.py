"""The page of a service, for people: one file, which loads nothing from anywhere."""

from __future__ import annotations

from importlib.resources import files

PAGE = files("mlsd.serving").joinpath("page.html").read_text(encoding="utf-8")
# The browser itself holds the page to its promise.
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
        "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "Cache-Control": "no-store",
}
