"""What README and docs/ tell people to type works: every code block is run, planned or checked."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image
from snakemake.utils import update_config

from pipeline.config_check import check_config
from pipeline.provenance import ROOT
from tests.docs.blocks import Block, blocks_of, commands
from tests.pipeline.gan.made_shards import write_annotated, write_meshes, write_paired

PAGES = {path.name: path for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
BLOCKS = {name: blocks_of(path, name) for name, path in PAGES.items()}
RUN = {"python", "yaml", "console"}
EVERY = [block for blocks in BLOCKS.values() for block in blocks]


@pytest.mark.parametrize("block", EVERY, ids=lambda block: block.name)
def test_a_block_is_run_or_says_why_not(block: Block):
    assert block.not_run or block.language in RUN, f"{block.name}: tag it as one of {RUN}, or say why it is not run"
    assert not block.not_run or len(block.not_run.split()) >= 3, "give a reason, not a word"


def test_the_fences_of_all_pages_are_found():
    for name, path in PAGES.items():
        fences = sum(line.startswith("```") for line in path.read_text().splitlines())
        assert fences == 2 * len(BLOCKS[name]), f"{name}: a block needs a line of text or an empty line before it"


def blocks(language: str) -> list:
    return [block for block in EVERY if block.language == language and not block.not_run]


PYTHON_PAGES = sorted({block.page for block in blocks("python")})


@pytest.mark.parametrize("page", PYTHON_PAGES)
def test_python_runs(page, tmp_path, monkeypatch):
    """The blocks of a page one after the other, where a small run has left its shards."""
    write_annotated(tmp_path / "results/shards/annotated/packaged/00001.h5")
    write_paired(tmp_path / "results/shards/paired/packaged/00001.h5")
    write_meshes(tmp_path / "results/shards/meshes/sample/00001.h5")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": f"page_{page}"}
    for block in blocks("python"):
        if block.page == page:
            exec(compile(block.code, block.name, "exec"), names)


NAMED = re.compile(r"# (?P<name>\w+\.yaml)(, after (?P<first>\w+\.yaml))?\n")
"""The first line of a configuration: its file, and the one that is given before it."""


@pytest.mark.parametrize("block", blocks("yaml"), ids=lambda block: block.name)
def test_yaml_is_a_valid_configuration(block, config):
    named = NAMED.match(block.code)
    assert named, f"{block.name}: begin with the name of the file, as '# mine.yaml'"
    earlier = [other for other in BLOCKS[block.page] if other.code.startswith(f"# {named['first']}\n")]
    assert len(earlier) == bool(named["first"])
    for part in (*earlier, block):
        update_config(config, yaml.safe_load(part.code))
    check_config(config, ROOT / "workflow/schemas/config.schema.json")


@pytest.fixture
def config() -> dict:
    return yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


CONSOLE = [(block, command) for block in blocks("console") for command in commands(block)]


@pytest.mark.parametrize(("block", "command"), CONSOLE, ids=lambda value: str(getattr(value, "name", value)))
def test_commands_work(block, command, tmp_path):
    program, *arguments = shlex.split(re.sub(r'^(\w+=("[^"]*"|\S+) )+', "", command), comments=True)
    if program == "make":
        targets = re.findall(r"^([a-z%-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        wanted = [argument for argument in arguments if "=" not in argument]
        assert all(target in targets or f"{target.split('-')[0]}-%" in targets for target in wanted)
        folders = [target.removeprefix("bench-") for target in wanted if target.startswith("bench-")]
        assert all((ROOT / "tests/benchmarks" / folder).is_dir() for folder in folders)
    elif program.endswith("snakemake"):
        plan(block, [argument for argument in arguments if argument != "..."], tmp_path)
    elif program.endswith("python"):
        called = arguments[:2] if arguments[0] == "-m" else arguments[:1]
        usage = said(sys.executable, *called, "--help")
        assert all(flag in usage for flag in arguments[2:] if flag.startswith("--"))
    else:
        pytest.fail(f"nothing checks '{program}': teach this test to, or say why the block is not run")


def plan(block: Block, arguments: list[str], folder: Path) -> None:
    """A dry run of the command, with the page's configurations by the name in their first line, and data they name."""
    make_data(folder / "data")
    for other in BLOCKS[block.page]:
        named = NAMED.match(other.code)
        if other.language == "yaml" and named:
            few = re.sub(r"shards: \d+", "shards: 2", other.code)  # planning thousands of jobs takes its time
            (folder / named["name"]).write_text(few.replace("/data/", f"{folder}/data/"))
    shipped = [argument for argument in arguments if argument.startswith("workflow/configs/")]
    for name in shipped:  # for data that is not here: planning it would look for them
        settings = yaml.safe_load((ROOT / "config.yaml").read_text())
        update_config(settings, yaml.safe_load((ROOT / name).read_text()))
        check_config(settings, ROOT / "workflow/schemas/config.schema.json")
    if shipped:
        return
    if "--workflow-profile" in arguments:
        place = arguments.index("--workflow-profile") + 1
        arguments[place] = str(ROOT / arguments[place])
    if "--report" in arguments:  # needs results; `test_whole_run.py` makes one
        assert (ROOT / arguments[arguments.index("--report-stylesheet") + 1]).is_file()
        return
    plan = ["-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    assert re.search(r"^total +\d+$", said(sys.executable, *plan, *arguments, "--dry-run", cwd=folder), re.MULTILINE)


def said(*command: str, cwd: Path = ROOT) -> str:
    """What a command that must succeed writes."""
    run = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


def make_data(folder: Path) -> None:
    """One of everything that the pages' configurations name below /data, in its layout; contents are not read yet."""
    picture = Image.new("RGB", (8, 8))
    for place in ("photos/a.png", "emotionet/images/a.png"):
        (folder / place).parent.mkdir(parents=True)
        picture.save(folder / place)
    for place, text in {
        "emotionet/emotioNet_URLs/emotioNet_1.txt": "http://example.org/a.png\n",
        "4dfab/manifest.csv": "subject,session,sequence,frame,mesh,texture,neutral_mesh\n1,1,1,0,a.ply,a.png,\n",
        "lsfm/all_all_all.mat": "",
        "lsfm/landmarks.json": "",
        "models/4dfab_expression.h5": "",
        "speech4d/manifest.csv": "word,speaker,audio,meshes,neutral,coefficients,frames_per_s\n",
        "lrw/lipread_mp4/ABOUT/train/ABOUT_00001.mp4": "",
        "lrw/lipread_mp4/ABOUT/train/ABOUT_00001.txt": "",
    }.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(text)
