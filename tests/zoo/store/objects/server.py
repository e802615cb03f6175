"""A real S3 server of moto on this machine, which notes every request and can fail at any of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.server import ThreadedMotoServer
from werkzeug.serving import make_server

BUCKET = "bucket"
# What a fault returns: answer with an error without or after carrying the request out, never answer, or forbid it.
REFUSE, FORGET, HANG, DENY = "refuse", "forget", "hang", "deny"


@dataclass
class Request:
    """A request: its number from 0, the size of the answer is known once it is sent."""

    number: int
    method: str
    path: str
    query: str
    answer: int = field(default=0)

    @property
    def name(self) -> str:
        """The name of the object in the bucket."""
        return self.path.removeprefix(f"/{BUCKET}/")


Fault = Callable[[Request], str | None]


class Server(ThreadedMotoServer):
    """The server. Its bucket is called `BUCKET`."""

    def __init__(self) -> None:
        super().__init__("127.0.0.1", 0, verbose=False)
        self.requests: list[Request] = []
        self.before: Fault = lambda _: None
        self.after: Fault = lambda _: None
        self.released = threading.Event()
        self._count = threading.Lock()
        # moto first looks at the condition and then writes; S3 does both at one moment.
        self._condition = threading.Lock()

    @property
    def url(self) -> str:
        host, port = self.get_host_and_port()
        return f"http://{host}:{port}"

    def _server_entry(self) -> None:
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=_Quiet)
        self._server_ready_event.set()
        self._server.serve_forever()

    def _answer(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        method, path, query = (environ[name] for name in ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING"))
        with self._count:
            request = Request(len(self.requests), method, path.encode("latin-1").decode(), query)
            self.requests.append(request)
        conditional = method == "PUT" and ("HTTP_IF_MATCH" in environ or "HTTP_IF_NONE_MATCH" in environ)
        fault = self.before(request)
        if fault in (REFUSE, DENY):
            return _error(start, "403 Forbidden" if fault == DENY else "500 Internal Server Error")
        answered: list[Any] = []
        with self._condition if conditional else nullcontext():
            content = b"".join(self._app(environ, lambda *facts: answered.extend(facts[:2])))
        request.answer = len(content)
        if fault == HANG:
            self.released.wait(30)
        if fault == FORGET:
            return _error(start)
        self.after(request)
        start(*answered)
        return [content]

    @contextmanager
    def failing(self, *, before: Fault | None = None, after: Fault | None = None) -> Iterator[None]:
        """Call functions before and after each request is carried out; the value of the first is what to do."""
        kept = self.before, self.after
        self.before, self.after = before or self.before, after or self.after
        try:
            yield
        finally:
            self.released.set()
            self.before, self.after = kept
            self.released = threading.Event()


class _Quiet(MotoRequestHandler):
    def log(self, *_: object) -> None:
        pass


def _error(start: Any, status: str = "500 Internal Server Error") -> list[bytes]:
    start(status, [("Content-Length", "0")])
    return []
