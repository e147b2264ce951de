"""Log lines are JSON, few where there are many, and never wait for whoever reads them."""

import io
import json
import logging
import os
import threading
import time

from mlsd.serving.logs import RateLimit, json_logging


def test_a_line_is_one_object_with_its_fields_and_its_traceback():
    stream = io.StringIO()
    log = logging.getLogger("mlsd.serving.test")
    with json_logging(stream):
        log.info("request", extra={"fields": {"status": 200}})
        try:
            divmod(1, 0)
        except ZeroDivisionError:
            log.exception("failed\nbadly")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["message"], first["status"], first["level"]) == ("request", 200, "INFO")
    assert second["message"] == "failed\nbadly"
    assert second["exception"].endswith("integer division or modulo by zero")


def test_one_line_of_a_kind_a_second():
    now = [0.0]
    limit = RateLimit(clock=lambda: now[0])
    assert [limit.held_back("shed") for _ in range(4)] == [0, None, None, None]
    assert limit.held_back("timeout") == 0
    now[0] = 1.0
    assert [limit.held_back("shed"), limit.held_back("shed")] == [3, None]


def test_what_the_server_says_of_each_malformed_request_is_held_back():
    stream = io.StringIO()
    with json_logging(stream):
        for _ in range(50):
            logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
        logging.getLogger("uvicorn.error").error("something else")
    assert len(stream.getvalue().splitlines()) == 2


def test_a_reader_who_stopped_reading_holds_nobody_up():
    read, write = os.pipe()  # holds 64 kB
    log = logging.getLogger("mlsd.serving.test")
    done = threading.Event()

    def talk():
        for _ in range(20_000):
            log.info("x" * 100)
        done.set()

    with os.fdopen(write, "w") as stream:
        start = time.monotonic()
        with json_logging(stream):
            threading.Thread(target=talk, daemon=True).start()
            assert done.wait(60), "the pipe is full, and the log waits for its reader"
            held = logging.getLogger().handlers[-1]._lines.qsize()
            assert held <= 10_000, "lines that nobody takes fill the memory"
        assert time.monotonic() - start < 60, "the end waits for the reader"
        threading.Thread(target=lambda: os.fdopen(read, "rb").read(), daemon=True).start()
