"""The page in a real browser."""

import io
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from in_browser import DESKTOP, PHONE, chromium, silent_page
from PIL import Image
from playwright.sync_api import Page, expect
from skimage.data import astronaut

from pipeline.provenance import ROOT
from tests.pipeline.tiny_checkpoint import NAMES
from tests.pipeline.tiny_results import PHOTO, write_results

PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def temporary(tmp_path_factory):
    """Where the server's temporary files would go."""
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def address(tmp_path_factory, temporary):
    results = write_results(tmp_path_factory.mktemp("page"))
    port = free_port()
    command = [sys.executable, "-m", "pipeline.sliders", "--results", str(results), "--port", str(port), "--gpu", "off"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(temporary)}
    environment.pop("PYTEST_CURRENT_TEST", None)  # NiceGUI would take itself to be under test
    with (results / "server.log").open("w") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        wait_for(port, server, results / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def wait_for(port: int, server: subprocess.Popen, log: Path) -> None:
    for _ in range(300):
        assert server.poll() is None, log.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser, address):
    """A page that has drawn its first pictures; at its end, nothing was said on the console or asked of elsewhere."""
    host = address.removeprefix("http://")
    with silent_page(browser, DESKTOP, (f"blob:http://{host}/", f"http://{host}/", f"ws://{host}/")) as opened:
        opened.set_default_timeout(PATIENCE_MS)
        opened.goto(address)
        drawn(opened, "head")
        drawn(opened, "generated")
        yield opened


def source_of(page: Page, name: str) -> str:
    return page.locator(f"[data-picture={name}]").get_attribute("src") or ""


def drawn(page: Page, name: str, unlike: str = "") -> str:
    """The source of a picture once it is there and another than it was."""
    page.wait_for_function(
        "([name, old]) => { const src = document.querySelector(`[data-picture=${name}]`)?.src || '';"
        " return src.startsWith('data:image') && src !== old }",
        arg=[name, unlike],
    )
    return source_of(page, name)


def slide(page: Page, name: str, *keys: str) -> None:
    """End and Home move a slider to its ends, PageUp and PageDown by a tenth of its way."""
    for key in keys:
        page.get_by_role("slider", name=name, exact=True).press(key)


def upload(page: Page, place: int, name: str, content: bytes) -> None:
    page.locator("input[type=file]").nth(place).set_input_files(
        {"name": name, "mimeType": "image/png", "buffer": content}
    )


def png_of(image: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format="PNG")
    return stream.getvalue()


def test_a_slider_moves_both_faces_and_neutral_brings_them_back(page):
    expect(page.get_by_role("status")).to_contain_text("astronaut.png is aligned")
    generated, head = source_of(page, "generated"), source_of(page, "head")
    slide(page, "jaw_open", "End")
    assert drawn(page, "generated", generated) != generated and drawn(page, "head", head) != head
    expect(page.get_by_text("1.00")).to_have_count(1)
    page.get_by_role("button", name="Neutral").click()
    page.wait_for_function("old => document.querySelector('[data-picture=head]').src === old", arg=head)
    page.wait_for_function("old => document.querySelector('[data-picture=generated]').src === old", arg=generated)
    expect(page.get_by_role("slider", name="jaw_open")).to_have_value("0")


def test_a_hand_drags_a_slider(page):
    generated = source_of(page, "generated")
    slider = page.get_by_role("slider", name="jaw_left", exact=True)
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    for share in (0.6, 0.7, 0.8, 0.9, 1.0):
        page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] / 2)
    page.mouse.up()
    drawn(page, "generated", generated)
    expect(slider).to_have_value("1")
    expect(page.get_by_text("1.00")).to_have_count(1)


def test_turning_moves_the_3d_face_only(page):
    generated, head = source_of(page, "generated"), source_of(page, "head")
    slide(page, "Turn the 3D face, in degrees", "Home")
    drawn(page, "head", head)
    assert source_of(page, "generated") == generated


def test_thumbnails_show_both_ends(page):
    page.wait_for_function("document.querySelectorAll('.slider img[src^=data]').length === 8")
    low, high = (page.get_by_alt_text(f"jaw_open at {end}").get_attribute("src") for end in (0, 1))
    assert low != high


def test_random_and_the_photos_own_expression_set_the_sliders(page):
    generated = source_of(page, "generated")
    page.get_by_role("button", name="Random").click()
    random = drawn(page, "generated", generated)
    page.get_by_role("button", name="Read the photo").click()
    expect(page.get_by_role("status")).to_contain_text("as the critic reads it")
    drawn(page, "generated", random)


def test_an_uploaded_photo_sits_and_leaves_no_file(page, temporary):
    before, photo = source_of(page, "generated"), source_of(page, "photo")
    upload(page, 0, "mine.png", png_of(astronaut()[:, ::-1].copy()))
    expect(page.get_by_role("status")).to_contain_text("mine.png is aligned")
    drawn(page, "photo", photo)
    drawn(page, "generated", before)
    expect(page.get_by_alt_text("The photo mine.png")).to_be_visible()
    assert not [path for path in temporary.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"GIF89a no photo", "bad.png: not a JPEG, PNG, WebP or PPM image"),
        (png_of(np.full((90, 90, 3), 200, np.uint8)), "bad.png: no face found"),
        (png_of(astronaut())[:5000], "bad.png: cannot be decoded"),
    ],
    ids=("text", "grey", "cut"),
)
def test_a_bad_file_is_told_and_changes_nothing(page, content, message):
    photo, generated = source_of(page, "photo"), source_of(page, "generated")
    upload(page, 0, "bad.png", content)
    expect(page.locator(".status.failed")).to_contain_text(message)
    assert source_of(page, "photo") == photo and source_of(page, "generated") == generated


def test_an_expression_is_taken_from_a_second_photo(page):
    generated = source_of(page, "generated")
    upload(page, 1, "other.png", png_of(astronaut()[:, ::-1].copy()))
    expect(page.get_by_role("status")).to_contain_text("The expression of other.png")
    drawn(page, "generated", generated)
    expect(page.get_by_alt_text("The other photo")).to_be_visible()


def test_what_is_saved(page):
    slide(page, "jaw_open", "End")
    expect(page.get_by_text("1.00")).to_have_count(1)
    edited = Image.open(io.BytesIO(saved(page, "Save PNG")))
    assert edited.size == (512, 512) and (np.asarray(edited) != astronaut()).any()
    assert saved(page, "Save CSV").decode().splitlines()[:2] == ["name,value", "jaw_open,1.0000"]
    page.get_by_role("button", name="Keep as B").click()
    expect(page.get_by_role("status")).to_contain_text("Kept as B")
    assert Image.open(io.BytesIO(saved(page, "Save GIF from A to B"))).n_frames == 22
    assert Image.open(io.BytesIO(saved(page, "Save GIF of the clip"))).n_frames == 5


def saved(page: Page, button: str) -> bytes:
    with page.expect_download(timeout=4 * PATIENCE_MS) as waiting:
        page.get_by_role("button", name=button).click()
    return Path(waiting.value.path()).read_bytes()


def test_between_two_expressions(page):
    slide(page, "jaw_open", "End")
    page.get_by_role("button", name="Keep as B").click()
    expect(page.get_by_role("status")).to_contain_text("Kept as B")
    slide(page, "From A to B", *["PageUp"] * 5)
    expect(page.get_by_text("0.50")).to_have_count(1)
    slide(page, "From A to B", "End")
    expect(page.get_by_text("1.00")).to_have_count(1)


def test_a_clip_moves_the_sliders_and_says_what_it_is(page):
    generated = source_of(page, "generated")
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("status")).to_contain_text("5 frames move 3 parameters")
    drawn(page, "generated", generated)
    expect(page.get_by_text("There are no speech parameters in these results")).to_be_visible()


def test_every_control_has_a_name_and_every_picture_a_text(page):
    tree = page.locator("body").aria_snapshot()
    controls = re.findall(r"- '?(button|slider|combobox|textbox|img|link)\b(.*)", tree)
    assert len(controls) > 25
    assert [kind for kind, rest in controls if not re.search(r'"[^"]+"', rest)] == []
    for name in (*NAMES, "Turn the 3D face, in degrees", "From A to B"):
        expect(page.get_by_role("slider", name=name, exact=True)).to_be_visible()
        page.get_by_role("slider", name=name, exact=True).focus()
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == name, (
            "what is focused has the name"
        )
    expect(page.get_by_role("combobox", name="Photo", exact=True)).to_have_value(PHOTO)


def test_on_a_phone_nothing_hangs_over_and_the_faces_stay_in_sight(page):
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    generated = source_of(page, "generated")
    slide(page, NAMES[-1], "End")
    drawn(page, "generated", generated)
    box = page.locator("[data-picture=generated]").bounding_box()
    assert box["y"] >= 0 and box["width"] > 100 and box["y"] + box["height"] <= PHONE["height"]


def test_a_name_that_points_here_from_elsewhere_is_refused(address):
    request = urllib.request.Request(address, headers={"Host": "elsewhere.example"})
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(request)
