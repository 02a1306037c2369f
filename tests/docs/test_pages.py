"""The documentation builds without a complaint, fetches nothing, and misses no page, stage or setting."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from in_browser import DESKTOP, PHONE, chromium, controls, overflow_px, silent_page

from pipeline.provenance import ROOT

SITE = ROOT / "docs/site/mkdocs.yml"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Built strictly: a broken link, a missing docstring's name or a page that nobody lists is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", SITE, "--site-dir", folder]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    run = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return folder


def text_of(site: Path, page: str) -> str:
    return (site / f"{page}.html").read_text(encoding="utf-8")


def test_readers_fetch_nothing(site):
    for page in site.glob("*.html"):
        loaded = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?:[^"]+)"', page.read_text(encoding="utf-8"))
        assert not loaded, page.name


def test_every_stage_has_its_place(site):
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    page = text_of(site, "stages")
    stages = re.findall(r"^ *rule (\w+):", rules, re.MULTILINE)
    assert len(stages) > 20
    for stage in stages:
        assert f'id="pipeline.{stage}"' in page and f'id="pipeline.{stage}.run"' in page, stage


def test_every_setting_has_its_meaning(site, config):
    page = text_of(site, "settings")
    for section in config:
        assert f'<h3 id="{section}">' in page, section
    assert "best, median and worst fits as a picture" in page


@pytest.fixture
def config() -> dict:
    return yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def test_tables_in_docstrings_become_lists(site):
    assert "<li><strong>Lengths</strong> millimetres" in text_of(site, "conventions")


def test_the_home_page_is_the_readme(site):
    assert "make demo" in text_of(site, "index") and 'src="images/sample.png"' in text_of(site, "index")


def test_what_shards_hold_comes_from_the_layouts(site):
    page = text_of(site, "shards")
    assert "as a share of the inter-ocular distance" in page and "<code>invented</code>" in page


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_pages_are_quiet_fit_and_name_their_controls(site, size):
    with chromium() as browser:
        for path in sorted(site.glob("*.html")):
            if path.name == "404.html":  # is for a server, and names everything from its root
                continue
            with silent_page(browser, size) as page:
                page.goto(path.as_uri())
                found = controls(page)
                assert len(found) > 5 and all(name.strip() for _, name in found), (path.name, found)
                assert overflow_px(page) <= 0, path.name
