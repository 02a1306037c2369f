"""`python -m pipeline.sliders`: the page of sliders on this machine."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from models3d.errors import InputError
from pipeline.gan.editing import read_editor
from pipeline.sliders.server import LOOPBACK, check_port, serve
from pipeline.sliders.studio import opened

PORT = 8080


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 1 with a sentence on the standard error if the page cannot be shown."""
    asked = parser().parse_args(arguments)
    try:
        check_port(asked.host, asked.port)
        studio = opened(asked.results, read_editor(asked.checkpoint or default_checkpoint(asked.results), asked.gpu))
        if asked.host not in LOOPBACK:
            print(f"sliders: everybody who reaches {asked.host} can use the page and send it photos", file=sys.stderr)
        print(f"sliders: http://{asked.host}:{asked.port}/ (Ctrl-C ends it)", flush=True)
        serve(studio, asked.host, asked.port, asked.open)
    except InputError as error:
        print(f"sliders: {error}", file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    made = argparse.ArgumentParser(
        prog="python -m pipeline.sliders",
        description="A page of sliders on a trained checkpoint. It is shown to this machine only, asks no other "
        "machine for anything, and keeps no photo.",
    )
    made.add_argument("--results", type=Path, default=Path("results"), help="of a workflow; default: results")
    made.add_argument("--checkpoint", type=Path, help="default: <results>/gan/slidergan_rad/checkpoint.pt")
    made.add_argument("--host", default="127.0.0.1", help="0.0.0.0 shows it to the whole network")
    made.add_argument("--port", type=int, default=PORT, help=f"default: {PORT}")
    made.add_argument("--gpu", choices=("auto", "required", "off"), default="auto")
    made.add_argument("--open", action="store_true", help="open it in the browser")
    return made


def default_checkpoint(results: Path) -> Path:
    return results / "gan/slidergan_rad/checkpoint.pt"


if __name__ in {"__main__", "__mp_main__"}:
    sys.exit(main())
