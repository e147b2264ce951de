"""The page of a service, for people: one file, which loads nothing from anywhere."""

from __future__ import annotations

from importlib.resources import files

STYLE_MARK = "/* page.css */"


def load_page(package: str, name: str) -> str:
    """Return a page that lies in a package as a file, with the style that all pages share.

    Examples
    --------
    >>> load_page("mlsd.serving", "page.html")[:15]
    '<!doctype html>'
    """
    style = files("mlsd.serving").joinpath("page.css").read_text(encoding="utf-8")
    page = files(package).joinpath(name).read_text(encoding="utf-8")
    return page.replace(STYLE_MARK, style)


PAGE = load_page("mlsd.serving", "page.html")
# The browser itself holds the page to its promise.
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
        "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "Cache-Control": "no-store",
}
