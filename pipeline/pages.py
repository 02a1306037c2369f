"""Pages of HTML that stand alone: they open without a network and fit a telephone."""

import base64
import html
import io
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
    "html{color:#222;background:#fff}"
    "table{border-collapse:collapse;display:block;overflow-x:auto}"
    "td,th{padding:.3rem .6rem;border-bottom:1px solid #ccc;text-align:left}"
    "figure{display:inline-block;margin:0 .5rem .5rem 0;max-width:100%}"
    "figcaption{font-size:12px;overflow-wrap:anywhere}img{max-width:100%}"
)
WIDEST_PX = 1060
"""What the style's 70 rem leave for a picture."""


def page(title: str, body: str) -> str:
    """A whole document around a body that is HTML already."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style><h1>{html.escape(title)}</h1>{body}</html>\n"
    )


def heading(text: str) -> str:
    """Of a part of the page."""
    return f"<h2>{html.escape(text)}</h2>"


def paragraph(text: str) -> str:
    """A piece of plain text."""
    return f"<p>{html.escape(text)}</p>"


def html_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Cells of plain text."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def picture(image: UInt8[np.ndarray, "h w 3"], text: str, width_px: int | None = None) -> str:
    """A picture inside the page, with the text that says what it shows below it.

    Small, and no wider than the page: of a page inside Snakemake's report, Chromium shows 2 MB and no more.
    """
    stream, shown = io.BytesIO(), Image.fromarray(image)
    shown.thumbnail((WIDEST_PX, shown.height))
    shown.save(stream, format="WEBP", quality=80)
    source = "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode()
    said = html.escape(text)
    width = f' style="width:{width_px}px"' if width_px else ""
    return f'<figure{width}><img src="{source}" alt="{said}"><figcaption>{said}</figcaption></figure>'
