"""The docstrings of this project as Markdown: their tables of `name  meaning` become lists."""

import re

from griffe import Extension, Module, Object

ENTRY = re.compile(r"^( *)(\S(?:[^\n]*?\S)?) {2,}(\S.*)$")
"""`name  meaning`: two spaces or more between them."""


def as_markdown(text: str) -> str:
    """Lines `name  meaning`, and what continues them indented further, as list items."""
    lines: list[str] = []
    listing = False
    for line in text.splitlines():
        entry = ENTRY.match(line)
        if entry and not line.lstrip().startswith(("-", "|", "*")):
            if not listing:
                lines.append("")
            lines.append(f"- **{entry[2]}** {entry[3]}")
            listing = True
        elif listing and line.startswith(" "):
            lines[-1] += " " + line.strip()
        else:
            if listing and line.strip():
                lines.append("")
            listing = False
            lines.append(line)
    return "\n".join(lines)


def unlinked(text: str) -> str:
    """Brackets outside of code are brackets, not links."""
    parts = text.split("`")
    parts[::2] = [part.replace("[", r"\[") for part in parts[::2]]
    return "`".join(parts)


class Lists(Extension):
    """Applied by mkdocstrings to everything that it reads."""

    def on_package(self, *, pkg: Module, **_: object) -> None:
        """Rewrite the docstrings of a package that has been read, in place."""
        pending: list[Object] = [pkg]
        while pending:
            here = pending.pop()
            if here.docstring:
                here.docstring.value = as_markdown(unlinked(here.docstring.value))
            pending += [member for member in here.members.values() if isinstance(member, Object)]
