"""The page: its layout, and what happens when somebody touches it. Every picture is made by the studio."""

import asyncio
import base64
import math
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
from nicegui import background_tasks, events, ui

from models3d.errors import InputError
from pipeline.sliders.range_input import RangeInput
from pipeline.sliders.saving import gif, jpeg, png, values_csv
from pipeline.sliders.studio import Sitter, Studio, interpolation, there_and_back

MAX_UPLOAD_BYTES = 20_000_000
TURN_DEGREES, MOST_DEGREES = -20, 60
THUMBS_AT_ONCE = 5
STYLE = Path(__file__).with_name("style.css").read_text(encoding="utf-8")


def data_url(image: np.ndarray) -> str:
    """A picture as the source of an `img`."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(image)).decode()


def show(element: ui.element, image: np.ndarray) -> None:
    """Put a picture into an `img`."""
    element.props["src"] = data_url(image)
    element.update()


class Desk:
    """One visitor's page: the photo that sits for it, the sliders, and two kept expressions."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.sitter: Sitter | None = None
        self.params = studio.neutral
        self.kept = {"A": studio.neutral, "B": studio.neutral}
        self.random = np.random.default_rng()
        self.pictures: dict[str, ui.element] = {}
        self.thumbs: list[tuple[ui.element, ui.element]] = []
        self.sliders: list[RangeInput] = []
        self.values: list[ui.label] = []
        self._moving = False  # sliders are being moved by the page, not by a hand
        self._drawing = self._stale = False

    # what happens

    async def draw(self) -> None:
        """Bring the pictures up to date; while that goes on, later calls only ask for another round."""
        self._stale = True
        if self._drawing:
            return
        self._drawing = True
        try:
            while self._stale:
                self._stale = False
                params, turn = self.params.copy(), math.radians(self.turn.value)
                if self.sitter is not None:
                    show(self.pictures["generated"], await asyncio.to_thread(self.studio.view, self.sitter, params))
                if self.studio.has_head:
                    show(self.pictures["head"], await asyncio.to_thread(self.studio.head, self.sitter, params, turn))
        finally:
            self._drawing = False

    async def sit(self, opened: Callable[[], Sitter]) -> None:
        """Take another photo; the expression stays."""
        sitter = await self.trying(opened)
        if sitter is None:
            return
        self.sitter = sitter
        show(self.pictures["photo"], sitter.view.image)
        self.pictures["photo"].props["alt"] = f"The photo {sitter.name}"
        self.say(f"{sitter.name} is aligned.")
        await self.draw()
        background_tasks.create(self.draw_thumbs(sitter), name="thumbnails")

    async def draw_thumbs(self, sitter: Sitter) -> None:
        """The ends of every slider, a few at a time, until another photo is taken."""
        for first in range(0, len(self.thumbs), THUMBS_AT_ONCE):
            ends = await asyncio.to_thread(self.studio.thumbnails, sitter, first, first + THUMBS_AT_ONCE)
            if self.sitter is not sitter:
                return
            for pair, images in zip(self.thumbs[first:], ends, strict=False):
                for element, image in zip(pair, images, strict=True):
                    show(element, image)

    async def take(self, params: np.ndarray) -> None:
        """Move all sliders."""
        self.params = params.astype(np.float32)
        self._moving = True
        for slider, label, value in zip(self.sliders, self.values, params.tolist(), strict=True):
            slider.set_value(round(value, 2))
            label.set_text(f"{value:.2f}")
        self._moving = False
        await self.draw()

    def moved(self, place: int, value: float) -> Awaitable[None] | None:
        """A slider moved: by a hand, or by `take`, which is over when what is awaited begins."""
        if self._moving:
            return None
        self.params[place] = value
        self.values[place].set_text(f"{value:.2f}")
        return self.draw()

    async def transfer(self, opened: Callable[[], Sitter]) -> None:
        """Take over the expression that the critic reads off another photo."""
        source = await self.trying(opened)
        if source is None:
            return
        show(self.pictures["source"], source.view.image)
        self.pictures["source"].classes(remove="away")
        await self.take(await asyncio.to_thread(self.studio.read, source))
        self.say(f"The expression of {source.name}, as the critic reads it.")

    async def read_own(self) -> None:
        """Set the sliders to what the critic reads off the photo itself."""
        if self.sitter is not None:
            await self.take(await asyncio.to_thread(self.studio.read, self.sitter))
            self.say("The photo's own expression, as the critic reads it.")

    def keep(self, name: str) -> None:
        """Remember an expression for the interpolation."""
        self.kept[name] = self.params.copy()
        self.say(f"Kept as {name}.")

    async def between(self, share: float) -> None:
        """An expression between the two that are kept."""
        await self.take((1 - share) * self.kept["A"] + share * self.kept["B"])

    async def play(self) -> None:
        """Let a clip move the sliders, once."""
        clip = self.studio.library.clips[self.clip.value]
        self.say(f"{clip.name}: {len(clip.params)} frames move {len(clip.moved)} parameters.")
        for params in clip.params:
            await self.take(params)
            await asyncio.sleep(0.08)

    async def received(self, event: events.UploadEventArguments, use: Callable[..., Awaitable[None]]) -> None:
        """An uploaded photo, which lives in memory until the page is left or another one comes."""
        content, name = await event.file.read(), event.file.name
        event.sender.reset()  # type: ignore[attr-defined]
        await use(lambda: self.studio.receive(name, content))

    async def trying(self, opened: Callable[[], Sitter]) -> Sitter | None:
        """What was opened, or nothing and the reason on the page."""
        self.say("Looking for a face ...")
        try:
            return await asyncio.to_thread(opened)
        except InputError as error:
            self.say(str(error), failed=True)
            return None

    def say(self, text: str, failed: bool = False) -> None:
        self.status.set_text(text)
        self.status.classes(add="failed" if failed else "", remove="" if failed else "failed")

    # what is saved

    async def save_png(self) -> None:
        """The whole photo with the face as it is now."""
        if self.sitter is not None:
            image = await asyncio.to_thread(self.studio.whole_photo, self.sitter, self.params.copy())
            ui.download.content(png(image), "edited.png")

    async def save_gif(self, params: np.ndarray, name: str) -> None:
        """An animation of the face."""
        if self.sitter is not None:
            self.say(f"Making {name} ...")
            images = await asyncio.to_thread(self.studio.views, self.sitter, params)
            ui.download.content(await asyncio.to_thread(gif, images), name)
            self.say(f"{name}: {len(images)} pictures.")

    def save_csv(self) -> None:
        """The sliders as they are now."""
        ui.download.content(values_csv([s.name for s in self.studio.sliders], self.params), "sliders.csv")

    # how it is laid out

    def build(self) -> None:
        """The whole page, top to bottom."""
        ui.add_css(STYLE)
        ui.colors(primary="#1d5c63")
        with ui.element("h1"):
            ui.html("SliderGAN: slide an expression", sanitize=False)
        self.status = ui.label().classes("status").props("role=status aria-live=polite")
        self.choose_photo()
        with ui.element("section").classes("pictures").props('aria-label="Pictures"'):
            self.picture("photo", "Photo")
            self.picture("generated", "Generated")
            if self.studio.has_head:
                self.picture("head", "3D face")
        self.actions()
        self.heading("Sliders")
        with ui.element("section").classes("sliders").props('aria-label="Sliders"'):
            for place in range(len(self.studio.sliders)):
                self.slider(place)
        self.between_two()
        self.from_another()
        self.from_clip()

    def heading(self, text: str) -> None:
        with ui.element("h2"):
            ui.html(text, sanitize=False)

    def picture(self, name: str, title: str) -> None:
        with ui.element("figure"):
            self.pictures[name] = ui.element("img").props(f'alt="{title}" data-picture={name}')
            with ui.element("figcaption"):
                ui.html(title, sanitize=False)

    def choose_photo(self) -> None:
        photos = list(self.studio.library.photos)
        with ui.element("div").classes("row"):
            if photos:
                first = next((photo for photo in photos if photo.startswith("sample/")), photos[0])
                ui.select(
                    photos,
                    value=first,
                    label="Photo",
                    with_input=True,
                    on_change=lambda event: self.sit(lambda: self.studio.open(event.value)),
                ).props("dense outlined")
                ui.timer(0.1, lambda: self.sit(lambda: self.studio.open(first)), once=True)
            self.upload("Upload a photo", self.sit)
        if not photos:
            self.say("There are no photos in the results: upload one.")

    def upload(self, text: str, use: Callable[..., Awaitable[None]]) -> None:
        """A button that asks for a file."""
        megabytes = MAX_UPLOAD_BYTES // 1_000_000
        hidden = ui.upload(
            auto_upload=True,
            max_file_size=MAX_UPLOAD_BYTES,
            on_upload=lambda event: self.received(event, use),
            on_rejected=lambda: self.say(f"The file is larger than {megabytes} MB.", failed=True),
        ).classes("away")
        button = ui.button(text).props("outline no-caps")
        button.on("click", js_handler=f"() => getElement({hidden.id}).pickFiles()")

    def actions(self) -> None:
        with ui.element("div").classes("row"):
            ui.button("Neutral", on_click=lambda: self.take(self.studio.neutral)).props("no-caps")
            ui.button("Random", on_click=lambda: self.take(self.studio.random(self.random))).props("no-caps")
            ui.button("Read the photo", on_click=self.read_own).props("outline no-caps")
            ui.button("Save PNG", on_click=self.save_png).props("outline no-caps")
            ui.button("Save CSV", on_click=self.save_csv).props("outline no-caps")
        with ui.element("div").classes("row" if self.studio.has_head else "away"):
            ui.label("Turn the 3D face")
            self.turn = RangeInput(
                "Turn the 3D face, in degrees", -MOST_DEGREES, MOST_DEGREES, 1, TURN_DEGREES, self.draw
            )
            self.turn.classes("angle")

    def slider(self, place: int) -> None:
        """A parameter between its two ends."""
        name, low, high = self.studio.sliders[place]
        with ui.element("div").classes("slider"):
            lowest = ui.element("img").props(f'alt="{name} at {low:g}"')
            with ui.element("div"):
                with ui.element("div").classes("name"):
                    ui.label(name)
                    self.values.append(ui.label("0.00").classes("value"))
                move = RangeInput(name, low, high, 0.01, 0, lambda event: self.moved(place, event.value))
                self.sliders.append(move)
            highest = ui.element("img").props(f'alt="{name} at {high:g}"')
        self.thumbs.append((lowest, highest))

    def between_two(self) -> None:
        self.heading("Between two expressions")
        with ui.element("div").classes("row"):
            ui.button("Keep as A", on_click=lambda: self.keep("A")).props("outline no-caps")
            ui.button("Keep as B", on_click=lambda: self.keep("B")).props("outline no-caps")
            share = RangeInput("From A to B", 0, 1, 0.01, 0, lambda event: self.between(event.value))
            share.classes("angle")
            ui.button("Save GIF from A to B", on_click=self.save_between).props("outline no-caps")

    async def save_between(self) -> None:
        await self.save_gif(there_and_back(interpolation(self.kept["A"], self.kept["B"])), "from_a_to_b.gif")

    def from_another(self) -> None:
        self.heading("The expression of another photo")
        with ui.element("div").classes("row"):
            photos = list(self.studio.library.photos)
            if photos:
                ui.select(
                    photos,
                    label="Expression from",
                    with_input=True,
                    on_change=lambda event: self.transfer(lambda: self.studio.open(event.value)),
                ).props("dense outlined")
            self.upload("Upload its photo", self.transfer)
            self.pictures["source"] = ui.element("img").classes("source away").props('alt="The other photo"')
        ui.label(self.studio.reading_note).classes("note")

    def from_clip(self) -> None:
        clips = self.studio.library.clips
        if not clips:
            return
        self.heading("A clip moves the face")
        with ui.element("div").classes("row"):
            self.clip = ui.select({n: clip.name for n, clip in enumerate(clips)}, value=0, label="Clip")
            self.clip.props("dense outlined")
            ui.button("Play", on_click=self.play).props("no-caps")
            ui.button("Save GIF of the clip", on_click=self.save_clip).props("outline no-caps")
        ui.label(self.studio.clip_note).classes("note")

    async def save_clip(self) -> None:
        await self.save_gif(self.studio.library.clips[self.clip.value].params, "clip.gif")


def lay_out(studio: Studio) -> None:
    """Build the page for whoever opens it."""
    Desk(studio).build()
