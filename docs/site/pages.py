"""Pages that are made from the code, so that nothing is said twice: home, stages, settings, measured figures.

A hook of MkDocs.
"""

import json
import re
import sys
from pathlib import Path

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from pipeline.shard_meanings import PRODUCTS, described  # noqa: E402

RULE = re.compile(r"^ *rule (\w+):\n((?: +.*\n|\n)+)", re.MULTILINE)
PAGE_OF = {
    "models3d/__init__.py": "conventions.md",
    "config.yaml": "settings.md",
    "workflow/schemas/config.schema.json": "settings.md",
    "tests/benchmarks/RESULTS.md": "measured.md",
}
"""Files that the README links to -> the page that shows them; links to other code become plain text."""


def on_config(config):
    """Pages that the navigation does not name yet come last in it."""
    named = json.dumps(config.nav)
    others = [path.name for path in sorted((ROOT / "docs").glob("*.md")) if f'"{path.name}"' not in named]
    if others:
        config.nav.append({"More": others})
    return config


def on_files(files: Files, config) -> Files:
    """Add the made pages to those of docs/."""
    for name, make in PAGES.items():
        files.append(File.generated(config, name, content=make()))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put the tables of arrays where a page asks for them."""
    return markdown.replace("<!-- the arrays of the shards -->", arrays())


def arrays() -> str:
    """What the shards of every kind hold, from their layouts."""
    lines: list[str] = []
    for kind, what in PRODUCTS.items():
        lines += ["", f"### {kind}", "", f"{what[0].upper()}{what[1:]}.", ""]
        lines += ["| array | | axes | |", "| --- | --- | --- | --- |"]
        lines += [f"| `{name}` | {dtype} | {axes} | {said} |" for name, dtype, axes, said in described(kind)]
    return "\n".join(lines)


def home() -> str:
    """The README, with links that hold inside docs/."""

    def link(found: re.Match) -> str:
        text, target = found[1], found[2]
        if "://" in target or target.startswith("#"):
            return found[0]
        if target.startswith("docs/"):
            return f"[{text}]({target.removeprefix('docs/')})"
        return f"[{text}]({PAGE_OF[target]})" if target in PAGE_OF else text

    return re.sub(r"\[([^\]]*)\]\(([^)]+)\)", link, read("README.md"))


def stages() -> str:
    """Every rule of the workflow that runs a stage: where it stands, what its code says of itself."""
    lines = ["# Stages", "", "A stage is a rule, a module `pipeline/<stage>.py` and a test of one name. " + STAGES_SAID]
    for path in sorted((ROOT / "workflow/rules").glob("*.smk")):
        jobs = [name for name, body in RULE.findall(path.read_text(encoding="utf-8")) if "stage.py" in body]
        if jobs:
            lines += ["", f"## {path.stem}", "", docstring(path)]
        for name in jobs:
            options = "members: [run]\n      show_root_full_path: false\n      show_root_toc_entry: true"
            lines += ["", f"::: pipeline.{name}", "    options:", f"      {options}"]
    return "\n".join(lines) + "\n"


STAGES_SAID = (
    "It reads files and writes files, whole or not at all; stages never import one another. `inputs` and `outputs` are "
    "the paths that the rule names, `settings` the record of its section of config.yaml."
)


def docstring(path: Path) -> str:
    """The first string of a file of rules."""
    found = re.match(r'"""(.*?)"""', path.read_text(encoding="utf-8"), re.DOTALL)
    if not found:
        raise ValueError(f"{path} does not begin with a docstring")
    return found[1].strip()


def settings() -> str:
    """Every key of config.yaml with its meaning, unit and range, from the schema."""
    schema = json.loads(read("workflow/schemas/config.schema.json"))
    lines = ["# Settings", "", "Every key of `config.yaml`. A file of your own, named with `--configfile`, overrides"]
    lines += ["any of them; a misspelt key is an error that names the nearest valid one, before anything runs."]
    for title, entries in (("Sections", schema["properties"]), ("Entries of the sections above", schema["$defs"])):
        lines += ["", f"## {title}"]
        for name, section in entries.items():
            lines += ["", f"### {name}", "", section.get("description", ""), ""]
            if "properties" in section:
                lines += ["| key | | |", "| --- | --- | --- |"]
                lines += [
                    f"| `{key}` | {kind(entry)} | {meaning(entry)} |" for key, entry in section["properties"].items()
                ]
    return "\n".join(lines) + "\n"


def kind(entry: dict) -> str:
    """A value's type, as people say it."""
    if "$ref" in entry:
        return f"[{entry['$ref'].split('/')[-1]}](#{entry['$ref'].split('/')[-1]})"
    if "enum" in entry:
        return ", ".join(f"`{value}`" for value in entry["enum"])
    options = entry.get("oneOf") or entry.get("anyOf")
    if options:
        return " or ".join(kind(option) for option in options)
    found = entry.get("type", "")
    return " or ".join(found) if isinstance(found, list) else found


def meaning(entry: dict) -> str:
    """The schema's own words, safe in a table."""
    return entry.get("description", "").replace("|", "\\|")


def measured() -> str:
    """The table of measured figures, as the benchmarks keep it."""
    path = ROOT / "tests/benchmarks/RESULTS.md"
    if not path.is_file():
        return "# Measured\n\nNo figures are kept yet: `make bench` prints them.\n"
    return path.read_text(encoding="utf-8")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


PAGES = {"index.md": home, "stages.md": stages, "settings.md": settings, "measured.md": measured}
"""Made page -> what makes it."""
