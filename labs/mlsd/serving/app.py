"""The service over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
from fastapi import FastAPI, HTTPException, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from mlsd.serving.endpoint import AnswerEndpoint
from mlsd.serving.metrics import age_seconds
from mlsd.serving.page import PAGE, PAGE_HEADERS
from mlsd.serving.service import Service


@dataclass(frozen=True)
class Served:
    """What a service says about itself.

    Attributes
    ----------
    title, route : str
    about : mapping of str to mapping
        By version, what it was made of (`Artifact.about`); whoever loads a version adds to it.
    home : str or None
        A page of the case's own for people, as HTML, which may ask ``/options``.
    """

    title: str = "Ad ranking"
    route: str = "/rank"
    about: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    home: str | None = None


def create_app(service: Service, served: Served | None = None) -> FastAPI:
    """Return the web application of a service.

    ``POST`` to its route answers a request. A bad one gets a status from 400 on, one beyond the
    limits 503 with the header ``Retry-After``; both have ``{"error": ..., "request_id": ...}`` as
    body. ``GET /`` is a page for people, ``/status`` what it shows, ``/example`` a request to try,
    ``/home`` the case's own page and ``/options`` what can be chosen there, where it has one;
    ``/healthz`` says that the process runs, ``/readyz`` whether requests should be sent here,
    ``/metrics`` has everything for Prometheus.

    Parameters
    ----------
    service : Service
        Closed when the application shuts down.
    served : Served

    Notes
    -----
    FastAPI's own pages of documentation load their scripts from the network, so they are off; the
    page at ``/`` lists the routes.

    Examples
    --------
    >>> paths = {route.path for route in create_app(Service()).routes}
    >>> sorted(paths)
    ['/', '/example', '/healthz', '/metrics', '/rank', '/readyz', '/status']
    """
    served = served or Served()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    silent = {"docs_url": None, "redoc_url": None, "openapi_url": None}
    # A redirect would lead to whatever host the request names.
    app = FastAPI(title=served.title, lifespan=lifespan, redirect_slashes=False, **silent)
    app.state.route = served.route
    app.add_route(served.route, AnswerEndpoint(service), methods=["POST"])
    _add_probes(app, service)
    _add_page(app, service, served)
    if served.home is not None:
        _add_home(app, service, served.home)

    @app.exception_handler(404)
    @app.exception_handler(405)
    async def explain(request: Request, error: HTTPException) -> Response:
        service.metrics.count_bad("not_found")
        return _json({"error": f"{error.detail}; see /"}, error.status_code, error.headers)

    return app


def _add_probes(app: FastAPI, service: Service) -> None:
    @app.get("/healthz")
    async def healthz() -> Response:
        return _json({"status": "ok"})

    @app.get("/readyz")
    async def readyz() -> Response:
        reason = service.why_not_ready()
        return _json({"status": reason or "ready"}, 503 if reason else 200)

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(service.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)


def _add_page(app: FastAPI, service: Service, served: Served) -> None:
    generator = np.random.default_rng()

    @app.get("/")
    async def page() -> Response:
        return Response(PAGE, media_type="text/html", headers=PAGE_HEADERS)

    @app.get("/status")
    async def status() -> Response:
        return _json(_status(service, served))

    @app.get("/example")
    async def example() -> Response:
        if service.engine is None:
            return _json({"error": service.why_not_ready()}, 503)
        return _json(service.engine.example(generator))


def _add_home(app: FastAPI, service: Service, home: str) -> None:
    @app.get("/home")
    async def show_home() -> Response:
        return Response(home, media_type="text/html", headers=PAGE_HEADERS)

    @app.get("/options")
    async def options() -> Response:
        if service.engine is None:
            return _json({"error": service.why_not_ready()}, 503)
        return _json(service.engine.options())


def _status(service: Service, served: Served) -> dict:
    engine = service.engine
    about = served.about.get(engine.version, {}) if engine else {}
    return {
        "title": served.title,
        "route": served.route,
        "home": served.home is not None,
        "rung": about.get("rung"),
        "size": about.get("size"),
        "not_ready": service.why_not_ready(),
        "version": engine.version if engine else None,
        "age_seconds": round(age_seconds(engine.created_at)) if engine else None,
        "waiting": service.waiting,
        **service.metrics.latency(),
        "outcomes": service.metrics.outcomes(),
    }


def _json(body: dict, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    text = json.dumps(body, separators=(",", ":"))
    return Response(text, status, headers, media_type="application/json")
