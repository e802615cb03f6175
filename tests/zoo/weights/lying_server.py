"""An HTTP server on this machine that cuts off, misstates or encodes the file that it serves."""

from __future__ import annotations

import gzip
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CONTENT = bytes(range(256)) * 4096  # 1 MiB
TAG = '"v1"'
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Server(ThreadingHTTPServer):
    """Serves `CONTENT` under every path, each answer in the next of the given ways, the last of them for ever.

    Attributes:
        ways: names of methods of the handler.
        page: the content of links.html, which is always served whole.
        requests: header Range of each request, or None.
    """

    daemon_threads = True

    def __init__(self, ways: list[str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.ways, self.content, self.tag = ways, CONTENT, TAG
        self.requests: list[str | None] = []
        self.page = b""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore that a client closes the connection before the end."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        header = self.headers.get("Range")
        self.start = int(re.fullmatch(r"bytes=(\d+)-", header)[1]) if header else 0
        if self.path == "/links.html":
            self._head(200, Content_Length=len(self.server.page), Content_Type="text/html")
            self.wfile.write(self.server.page)
            return
        self.server.requests.append(header)
        ways = self.server.ways
        way = ways.pop(0) if len(ways) > 1 else ways[0]
        getattr(self, way)()
        self.close_connection = True

    def do_HEAD(self) -> None:
        """Answer as the Hugging Face Hub does to a question about one file of one commit."""
        size = len(self.server.content)
        self._head(200, Content_Length=size, ETag=self.server.tag, X_Repo_Commit=COMMIT, Accept_Ranges="bytes")
        self.close_connection = True

    def _head(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.send_header("Connection", "close")
        self.end_headers()

    def _rest(self, upto: int | None = None, **headers: object) -> None:
        """Answer with the range that was asked for, of which the body ends at ``upto``."""
        content, changed = self.server.content, self.headers.get("If-Range") not in (None, self.server.tag)
        if self.start and not changed:
            if self.start >= len(content):
                self._head(416, Content_Range=f"bytes */{len(content)}", Content_Length=0)
                return
            stated = f"bytes {self.start}-{len(content) - 1}/{len(content)}"
            self._head(206, **{"Content_Length": len(content) - self.start, "Content_Range": stated, **headers})
            self.wfile.write(content[self.start : upto])
        else:
            self._head(200, Content_Length=len(content), **headers)
            self.wfile.write(content[:upto])

    def whole(self) -> None:
        self._rest()

    def tagged(self) -> None:
        self._rest(ETag=self.server.tag)

    def cut(self) -> None:
        self._rest(self.start + 300_000)

    def cut_tagged(self) -> None:
        self._rest(self.start + 300_000, ETag=self.server.tag)

    def thousand(self) -> None:
        """Announce a million bytes and send a thousand, whatever is asked for."""
        self._head(200, Content_Length=1_000_000)
        self.wfile.write(CONTENT[:1000])

    def ignores_range(self) -> None:
        self.start = 0
        self._rest()

    def wrong_range(self) -> None:
        """Answer with other bytes than those asked for."""
        content = self.server.content
        self._head(206, Content_Range=f"bytes 7-{len(content) - 1}/{len(content)}", Content_Length=len(content) - 7)
        self.wfile.write(content[7:])

    def no_range(self) -> None:
        self._head(206, Content_Length=len(self.server.content))
        self.wfile.write(self.server.content)

    def other_total(self) -> None:
        content = self.server.content
        stated = f"bytes {self.start}-{len(content) + 4}/{len(content) + 5}"
        self._head(206, Content_Range=stated, Content_Length=len(content) - self.start + 5)
        self.wfile.write(content[self.start :] + b"extra")

    def short_range(self) -> None:
        """Answer with the first part of the range, which the standard allows."""
        content = self.server.content
        end = min(self.start + 400_000, len(content))
        self._head(206, Content_Range=f"bytes {self.start}-{end - 1}/{len(content)}", Content_Length=end - self.start)
        self.wfile.write(content[self.start : end])

    def _chunks(self, body: bytes, **headers: object) -> None:
        self._head(200, Transfer_Encoding="chunked", **headers)
        for i in range(0, len(body), 100_000):
            block = body[i : i + 100_000]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(block), block))

    def chunked(self) -> None:
        self._chunks(self.server.content)
        self.wfile.write(b"0\r\n\r\n")

    def cut_chunked(self) -> None:
        self._chunks(self.server.content[:250_000])

    def no_length(self) -> None:
        """End the body by closing the connection."""
        self._head(200)
        self.wfile.write(self.server.content)

    def cut_no_length(self) -> None:
        self._head(200)
        self.wfile.write(self.server.content[:1000])

    def zipped(self) -> None:
        body = gzip.compress(self.server.content, 1)
        self._head(200, Content_Encoding="gzip", Content_Length=len(body), ETag=TAG)
        self.wfile.write(body)

    def cut_zipped(self) -> None:
        body = gzip.compress(self.server.content, 1)
        self._head(200, Content_Encoding="gzip", Content_Length=len(body), ETag=TAG)
        self.wfile.write(body[: len(body) // 2])

    def cut_zipped_chunked(self) -> None:
        self._chunks(gzip.compress(self.server.content, 1)[:-9], Content_Encoding="gzip")
        self.wfile.write(b"0\r\n\r\n")

    def brotli(self) -> None:
        self._head(200, Content_Encoding="br", Content_Length=4)
        self.wfile.write(b"abcd")

    def busy(self) -> None:
        self._head(503, Content_Length=0)

    def missing(self) -> None:
        self._head(404, Content_Length=0)

    def closes(self) -> None:
        """Close the connection without an answer."""

    def garbage(self) -> None:
        self.wfile.write(b"not HTTP at all\r\n\r\n")


@contextmanager
def serving(*ways: str) -> Iterator[Server]:
    """Run a server in a thread."""
    server = Server(list(ways))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
