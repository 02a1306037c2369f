"""The page's server: what may come in, from where, and how large."""

import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from nicegui import app, ui
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartParser
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse

from models3d.errors import InputError
from pipeline.sliders.page import MAX_UPLOAD_BYTES, lay_out
from pipeline.sliders.studio import Studio

LOOPBACK = ("127.0.0.1", "localhost")
FORM_BYTES = 64_000
"""What a form may add to the file in it."""
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="#1d5c63"><path d="M4 9h24v2H4zM4 21h24v2H4z"/>'
    '<circle cx="20" cy="10" r="5"/><circle cx="10" cy="22" r="5"/></svg>'
)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class BoundedRequests:
    """Refuses a request whose body is larger than it may be, whether it says so at once or not."""

    def __init__(self, application: Application, most_bytes: int) -> None:
        self._application, self._most = application, most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        reason = f"more than {self._most} bytes"
        stated = dict(scope["headers"]).get(b"content-length", b"0")
        if not stated.isdigit() or int(stated) > self._most:
            await PlainTextResponse(reason, status_code=413)(scope, receive, send)  # type: ignore[arg-type]
            return
        read = 0

        async def counted() -> MutableMapping[str, Any]:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._most:
                raise HTTPException(413, reason)  # the application turns it into its answer
            return message

        await self._application(scope, counted, send)


def serve(studio: Studio, host: str, port: int, open_browser: bool) -> None:
    """Show the page until it is interrupted."""
    most = MAX_UPLOAD_BYTES + FORM_BYTES
    MultiPartParser.spool_max_size = most  # what is uploaded stays in memory: nothing is written, nothing is kept
    app.add_middleware(BoundedRequests, most_bytes=most)
    if host in LOOPBACK:  # a name that somebody else has made point here is no way in
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(LOOPBACK))

    @ui.page("/")
    def index() -> None:
        lay_out(studio)

    ui.run(
        host=host,
        port=port,
        title="SliderGAN",
        favicon=ICON,
        language="en-US",
        show=open_browser,
        reload=False,
        tailwind=False,
        show_welcome_message=False,
    )


def check_port(host: str, port: int) -> None:
    """Raise InputError if the address cannot be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            problem = error.strerror or "cannot be used"
            raise InputError(f"{host}:{port}", problem, "name another --port, or --host") from error
