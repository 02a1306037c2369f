"""What may come in."""

import asyncio
import socket

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from models3d.errors import InputError
from pipeline.sliders.__main__ import main
from pipeline.sliders.server import BoundedRequests, check_port


async def count(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


def post(content, **headers):
    application = Starlette(routes=[Route("/", count, methods=["POST"])])
    transport = httpx.ASGITransport(BoundedRequests(application, most_bytes=100))

    async def sent():
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.post("/", content=content, headers=headers)

    return asyncio.run(sent())


def test_a_request_is_read_up_to_its_bound():
    assert post(b"x" * 100).text == "100"
    assert post(b"x" * 101).status_code == 413


def test_one_that_does_not_say_how_long_it_is_is_counted():
    async def parts(number):
        for _ in range(number):
            yield b"x" * 10

    assert post(parts(10)).text == "100"
    refused = post(parts(50))
    assert refused.status_code == 413 and "more than 100 bytes" in refused.text


def test_a_length_that_is_no_number_is_refused():
    assert post(b"x", **{"content-length": "-1"}).status_code == 413


def test_a_port_in_use_is_told(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match="Name another --port"):
            check_port("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(InputError, match="Name another --port, or --host"):
        check_port("no such host", 80)


def test_without_a_checkpoint_there_is_a_sentence(tmp_path, capsys):
    assert main(["--results", str(tmp_path), "--port", "0"]) == 1
    assert "no such checkpoint. Run `make demo`" in capsys.readouterr().err
