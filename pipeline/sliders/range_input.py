"""The browser's own slider as an element of the page: Quasar's has its focus on a part that has no name."""

from collections.abc import Callable
from typing import Any

from nicegui.elements.mixins.value_element import ValueElement

THROTTLE_S = 0.05


class RangeInput(ValueElement[float], component="range_input.js"):
    """A slider with a name for those who do not see it."""

    LOOPBACK = False
    """It moves in the browser at once: waiting for the server's echo, it would jump back under a quick hand."""

    def __init__(
        self, label: str, low: float, high: float, step: float, value: float, on_change: Callable[..., Any]
    ) -> None:
        super().__init__(value=value, on_value_change=on_change, throttle=THROTTLE_S)
        for name, prop in (("min", low), ("max", high), ("step", step), ("label", label)):
            self.props[name] = prop
        self.classes("range")
