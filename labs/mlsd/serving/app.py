"""The service over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response

from mlsd.runtime import InputError
from mlsd.serving.requests import RankRequest
from mlsd.serving.service import Overloaded, Ranking, RankingService


def create_app(service: RankingService) -> FastAPI:
    """Return the web application of a ranking service.

    ``POST /rank`` takes ``{"context": {...}, "ad_ids": [...], "bids": [...]}`` (bids optional) and
    gives ``{"ad_ids", "click_probability", "source"}``, best first. A bad request gets status 400,
    one beyond the limit 503 with the header ``Retry-After``; both have ``{"error": ...}`` as body.
    ``GET /healthz`` says whether the service is up, ``GET /metrics`` gives its counters, one
    ``name value`` per line.

    Parameters
    ----------
    service : RankingService
        Closed when the application shuts down.

    Notes
    -----
    The route for rankings is a plain one that hands the bytes of the body to pydantic itself: a
    full queue is noticed before the body is read, so that a refusal is the cheapest answer of all,
    and a bad request is one line of text instead of FastAPI's list of objects.

    Examples
    --------
    >>> from unittest.mock import Mock
    >>> paths = {route.path for route in create_app(Mock()).routes}
    >>> sorted(paths & {"/rank", "/healthz", "/metrics"})
    ['/healthz', '/metrics', '/rank']
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(title="Ad ranking", lifespan=lifespan)
    app.add_route("/rank", _rank_endpoint(service), methods=["POST"])

    @app.get("/healthz")
    async def healthz() -> Response:
        return _json({"status": "ok", "waiting": service.waiting})

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(_exposition(service), media_type="text/plain")

    return app


def _rank_endpoint(service: RankingService) -> Callable[[Request], Awaitable[Response]]:
    async def rank(request: Request) -> Response:
        try:
            service.admit()
            return _answer(await service.rank(RankRequest.from_json(await request.body())))
        except InputError as error:
            service.counts["bad_request"] += 1
            return _json({"error": str(error)}, status=400)
        except Overloaded as error:
            body = {"error": str(error), "retry_after_seconds": error.retry_after}
            return _json(body, status=503, headers={"Retry-After": str(error.retry_after)})

    return rank


def _answer(ranking: Ranking) -> Response:
    return _json(
        {
            "ad_ids": ranking.ad_ids.tolist(),
            "click_probability": ranking.click_probability.round(6).tolist(),
            "source": ranking.source,
        }
    )


def _json(body: dict, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    text = json.dumps(body, separators=(",", ":"))
    return Response(text, status, headers, media_type="application/json")


def _exposition(service: RankingService) -> str:
    cache = service.features.cache
    values = {f"rank_{outcome}_total": count for outcome, count in service.counts.items()}
    values |= {f"cache_{name}_total": getattr(cache, name) for name in ("hits", "misses")}
    values["requests_waiting"] = service.waiting
    return "".join(f"{name} {value}\n" for name, value in sorted(values.items()))
