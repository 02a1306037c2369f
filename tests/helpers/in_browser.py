"""Pages in Debian's chromium, driven by playwright, which brings none of its own: what they say, ask for and name."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
CONTROLS = {
    "button", "link", "textbox", "searchbox", "checkbox", "radio", "slider", "combobox", "tab", "menuitem", "switch",
}  # fmt: skip
"""Roles of the accessibility tree that a user acts on."""


@contextmanager
def chromium() -> Iterator:
    """A browser. Skips the test where there is none."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium on the path: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def silent_page(
    browser, size: dict[str, int], own: tuple[str, ...] = ("file:", "blob:"), but: str | None = None
) -> Iterator:
    """An empty page; at its end, nothing was said on its console but what begins with `but`, and nothing asked for but
    what begins with `own`."""
    said, asked = [], []
    page = browser.new_page(viewport=size)
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    yield page
    page.close()
    assert [text for text in said if not (but and text.startswith(but))] == []
    assert [url for url in asked if not url.startswith(("data:", *own))] == []


def controls(page) -> list[tuple[str, str]]:
    """Role and name of every control of a page, as a screen reader meets it."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    shown = [node for node in nodes if not node.get("ignored") and node.get("role", {}).get("value") in CONTROLS]
    return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in shown]


def overflow_px(page) -> int:
    """By how much a page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
