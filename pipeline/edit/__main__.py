"""`python -m pipeline.edit photo.jpg --set jaw_open=0.6`: give the face in a photo another expression."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from models3d.errors import InputError
from pipeline.edit.alignment import MAX_PIXELS, Aligned, align_file
from pipeline.edit.retouch import edited_photo
from pipeline.edit.slider_values import read_values, read_values_file, sliders_of, with_values
from pipeline.gan.editing import Editor, read_editor, read_expression
from pipeline.media import write_png

CHECKPOINT = Path("results/gan/slidergan_rad/checkpoint.pt")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 if the edited photo was written, 1 with a sentence why not on the standard error."""
    asked = parser().parse_args(arguments)
    try:
        run_edit(asked)
    except InputError as error:
        print(f"edit: {error}", file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    made = argparse.ArgumentParser(
        prog="python -m pipeline.edit",
        description="Give the face in a photo another expression. What is not set rests at 0, the neutral face.",
    )
    made.add_argument("photo", type=Path, nargs="?", help="JPEG, PNG, WebP or PPM; its largest face is edited")
    made.add_argument(
        "--set", nargs="+", action="extend", default=[], metavar="NAME=VALUE", help="sliders, as jaw_open=0.6"
    )
    made.add_argument("--values", type=Path, metavar="CSV", help="sliders, as the page of sliders saves them")
    start = made.add_mutually_exclusive_group()
    start.add_argument(
        "--from", dest="source", type=Path, help="a photo whose expression, as D reads it, is taken over"
    )
    start.add_argument("--keep", action="store_true", help="start from the photo's own expression, as D reads it")
    start.add_argument("--neutral", action="store_true", help="make the face neutral; needed if nothing else is asked")
    made.add_argument("--list", action="store_true", help="print the sliders with their ranges, and edit nothing")
    made.add_argument("--checkpoint", type=Path, default=CHECKPOINT, help=f"default: {CHECKPOINT}")
    made.add_argument("--out", type=Path, help="PNG to write; default: <photo>_edited.png in this folder")
    made.add_argument("--landmarks", type=Path, help=".pts or .ljson; default: <photo>.pts or .ljson, else detection")
    made.add_argument("--max-pixels", type=int, default=MAX_PIXELS, help="a larger photo is refused undecoded")
    made.add_argument("--gpu", choices=("auto", "required", "off"), default="auto")
    return made


def run_edit(asked: argparse.Namespace) -> None:
    """Align, generate, paste, write. Raises InputError for whatever is wrong with what is asked."""
    check_asked(asked)
    editor = read_editor(asked.checkpoint, asked.gpu)
    sliders = sliders_of(editor.description)
    if asked.list:
        print("\n".join(f"{slider.name} [{slider.low:g}, {slider.high:g}]" for slider in sliders))
        return
    out = asked.out or Path(f"{asked.photo.stem}_edited.png")
    values = read_values_file(asked.values, sliders) if asked.values else {}
    values |= read_values(asked.set, sliders)
    aligned = align_file(asked.photo, editor.description.condition, asked.landmarks, asked.max_pixels)
    params = with_values(start_of(asked, editor, aligned), values, sliders)
    write_png(out, edited_photo(editor, aligned, params))
    moved = ", ".join(f"{s.name}={v:.2f}" for s, v in zip(sliders, params.tolist(), strict=True) if abs(v) >= 0.005)
    print(f"{out}: {moved or 'neutral'}")


def check_asked(asked: argparse.Namespace) -> None:
    """Raise InputError before anything is read if nothing is asked for, or it could not be written."""
    if asked.list:
        return
    if asked.photo is None:
        raise InputError("edit", "no photo is named", "name one; --list names the sliders")
    if not (asked.set or asked.values or asked.source or asked.keep or asked.neutral):
        raise InputError(
            "edit", "nothing is asked for", "give it --set, --from, or --neutral; --list names the sliders"
        )
    if asked.out and asked.out.suffix.lower() != ".png":
        raise InputError(f"--out {asked.out}", "is no PNG", "end it in .png")
    if asked.out and asked.out.resolve() == asked.photo.resolve():
        raise InputError(f"--out {asked.out}", "is the photo itself", "name another file")


def start_of(asked: argparse.Namespace, editor: Editor, aligned: Aligned) -> Float32[np.ndarray, " p"]:
    """The parameters before sliders are set."""
    if asked.source:
        source = align_file(asked.source, editor.description.condition, max_pixels=asked.max_pixels)
        return read_expression(editor, source.picture)
    if asked.keep:
        return read_expression(editor, aligned.picture)
    return np.zeros(len(editor.description.names), np.float32)


if __name__ == "__main__":
    sys.exit(main())
