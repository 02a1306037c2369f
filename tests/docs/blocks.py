"""The code blocks of a page of Markdown."""

import re
from pathlib import Path
from typing import NamedTuple

BLOCK = re.compile(r"^(?P<before>[^\n]*)\n\n?```(?P<language>\w*)[^\n]*\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_RUN = re.compile(r"<!-- not run: (.+) -->")


class Block(NamedTuple):
    """One fenced block."""

    page: str
    line: int
    language: str
    code: str
    not_run: str
    """Why it is not run, from a comment on the line before it; or empty."""

    @property
    def name(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(path: Path, page: str) -> list[Block]:
    """Every block of a page, in its order."""
    text = path.read_text(encoding="utf-8")
    found = []
    for match in BLOCK.finditer(text):
        reason = NOT_RUN.fullmatch(match["before"].strip())
        line = text[: match.start("language")].count("\n") + 1
        found.append(Block(page, line, match["language"], match["code"], reason[1] if reason else ""))
    return found


def commands(block: Block) -> list[str]:
    """The command lines of a console block: those after `$ `, continued where they end with a backslash."""
    lines = re.sub(r"\\\n\s*", "", block.code).splitlines()
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
