"""The workflow from nothing to shards, on a tiny sample: what a user would see."""

import json
import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from bad_files import png_that_claims
from in_browser import DESKTOP, PHONE, chromium, controls, overflow_px, silent_page
from PIL import Image
from snakemake_run import TINY, digests, snakemake

from pipeline.files import read_rejects, read_table
from pipeline.provenance import ROOT, code_digest, input_digest
from pipeline.run_jobs import read_jobs
from pipeline.shards import read_shard

NO_MODELS = {"sample_sparse": None, "sample_pca": None}
AFTER_SHARDS = {"index_dataset", "draw_statistics", "count_fates", "describe_croissant"}
SHARD = "results/shards/annotated/sample/00001.h5"


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A folder in which the whole workflow ran on two cores."""
    folder = tmp_path_factory.mktemp("two_cores")
    run = snakemake(folder)
    assert run.returncode == 0, run.stdout
    return folder


def jobs(output: str) -> list[str]:
    """The rules of a run or dry run, one entry a job."""
    return re.findall(r"^(?:local)?rule (\w+):", output, re.MULTILINE)


@pytest.mark.parametrize(("dense", "rule"), [("landmarks", "learn_landmarks"), ("photometric", "learn_texture")])
def test_what_photos_are_looked_at_with_is_learnt_first(finished, dense, rule):
    config = {**TINY, "fit_faces": {"dense": dense}}
    run = snakemake(finished, "annotated", "--dry-run", config=config)
    assert run.returncode == 0, run.stdout
    assert jobs(run.stdout).count(rule) == 1 and jobs(run.stdout).count("fit_faces") == 2


def test_fits_without_a_texture_where_photos_are_few(folder):
    run = snakemake(folder, "annotated", config={**TINY, "fit_faces": {"dense": "photometric"}})
    assert run.returncode == 0, run.stdout
    stated = read_shard(folder / "results/fits/sample/00001.h5", "fits").attributes["dense"]
    assert stated.startswith("none: 12 fitted photos are too few to learn a texture from")


def test_no_photo_is_lost(finished):
    listed = [row["id"] for path in sorted(finished.glob("results/listings/sample/*.csv")) for row in read_table(path)]
    annotated = [
        name
        for path in sorted(finished.glob("results/shards/annotated/sample/*.h5"))
        for name in read_shard(path, "annotated").text("id")
    ]
    rejects = read_rejects(finished / "results/shards/rejects.csv")
    rejected = [reject.id for reject in rejects if reject.stage != "align_speech"]
    assert sorted(listed) == sorted(annotated + rejected)
    assert len(annotated) >= 10
    counted = json.loads((finished / "results/shards/dataset.json").read_text())["shards"]
    assert sum(shard["items"] for shard in counted if shard["kind"] == "annotated") == len(annotated)


def test_meshes_become_images_with_their_parameters(finished):
    shard = read_shard(finished / "results/shards/meshes/sample/00001.h5", "meshes")
    truth = read_shard(finished / "results/sample/truth.h5", "truth")
    row_of = {f"sample/{path}": row for row, path in enumerate(truth.text("mesh"))}
    rows = [row_of[name] for name in shard.text("id")]
    assert len(rows) == 3 and shard["images"].shape == (3, 128, 128, 3)
    np.testing.assert_allclose(shard["params"] * shard.attributes["range"], truth["mesh_expression"][rows], atol=1e-3)
    assert (finished / "results/expression_models/sample_pca.h5").is_file()
    assert (finished / "results/sheets/components/sample_pca.png").is_file()


def test_clips_become_images_with_their_speech(finished):
    shard = read_shard(finished / "results/shards/speech/sample/00001.h5", "speech")
    assert shard["params"].shape[1] == 30 + 10 and shard.attributes["expressions"] == 30
    listed = {row["id"] for row in read_table(finished / "results/clip_listings/sample/00001.csv")}
    rejected = {reject.id: reject.reason for reject in read_rejects(finished / "results/shards/rejects.csv")}
    shown = dict(zip(shard.text("clip"), shard.text("method"), strict=True))
    assert listed == {*shown, *(name for name in rejected if name.endswith("MORNING_00001"))}
    assert set(shown.values()) == {"lrw3d", "mfcc_dtw"}
    assert rejected["sample/MORNING/test/MORNING_00001"] == "the database lacks the word 'MORNING'"
    sheets = {path.name for path in (finished / "results/sheets/speech/sample").glob("*.png")}
    assert sheets == {"ABOUT.png", "FAMILY.png"}


def test_raw_scans_are_registered_instead(finished):
    raw = {**TINY, "mesh_datasets": {"sample": {"registered": False, "shards": 1, "sessions_per_shard": 1}}}
    plan = jobs(snakemake(finished, "meshes", "--dry-run", config=raw).stdout)
    assert "register_meshes" in plan and "index_meshes" not in plan


def test_a_model_is_trained_and_evaluated(folder):
    small = {
        "generator_channels": 4,
        "critic_channels": 4,
        "residual_blocks": 1,
        "paired_epochs": 1,
        "unpaired_epochs": 1,
    }
    config = {
        **TINY,
        "train_variants": ["slidergan_rad"],
        "train_identity": {"on_cpu": {"epochs": 1}},
        "train_slidergan": {"on_cpu": small, "held_out_share": 0.3, "batch": 8},
        "evaluate": {"pairs_per_face": 4, "figure_faces": 2},
    }
    run = snakemake(folder, "evaluate", config=config)
    assert run.returncode == 0, run.stdout
    assert "slidergan_rad" in {row["variant"] for row in read_table(folder / "results/evaluation/table.csv")}
    assert (folder / "results/gan/slidergan_rad/checkpoint.pt").is_file()
    assert list(folder.glob("results/evaluation/figures/slidergan_rad_*.png"))


def test_shards_are_valid_join_and_come_as_tables(finished, folder):
    run = snakemake(folder, "validate", "joined", "coefficients")
    assert run.returncode == 0, run.stdout
    shard = read_shard(finished / "results/shards/paired/sample/00001.h5", "paired")
    assert shard["images"].shape[1:] == (22, 128, 128, 3)
    parts = [read_shard(folder / f"results/shards/paired/sample/{name}.h5", "paired") for name in ("00001", "00002")]
    with h5py.File(folder / "results/shards/paired/sample.h5") as joined:
        assert list(joined["id"].asstr()) == [name for part in parts for name in part.text("id")]
        np.testing.assert_array_equal(joined["params"], np.concatenate([part["params"] for part in parts]))
    parts = [
        read_shard(folder / f"results/shards/annotated/sample/{name}.h5", "annotated") for name in ("00001", "00002")
    ]
    rows = read_table(folder / "results/coefficients/sample.csv")
    assert [row["id"] for row in rows] == [name for part in parts for name in part.text("id")]
    column = f"{parts[0].attributes['component_names'][0]}_sigma"
    sigmas = np.concatenate([part["params_sigma"][:, 0] for part in parts])
    np.testing.assert_array_equal(np.float32([row[column] for row in rows]), sigmas)
    assert (folder / "results/coefficients/sample.parquet").is_file()


def test_nothing_is_left_to_do(finished):
    assert "Nothing to be done" in snakemake(finished, "--dry-run").stdout


def test_one_core_makes_the_same_bytes(finished, tmp_path):
    run = snakemake(tmp_path, cores=1)
    assert run.returncode == 0, run.stdout
    assert digests(tmp_path) == digests(finished)


@pytest.fixture
def folder(finished, tmp_path) -> Path:
    """A copy of the finished folder, to be changed."""
    return Path(shutil.copytree(finished, tmp_path / "copy", copy_function=shutil.copy2))


def test_a_shard_is_made_again_by_its_name(folder):
    before = digests(folder)
    (folder / SHARD).unlink()
    run = snakemake(folder, SHARD)
    assert run.returncode == 0, run.stdout
    assert set(jobs(run.stdout)) == {"annotate_faces"}
    assert digests(folder) == before


def test_every_shard_names_what_it_was_made_from(finished):
    makers = {
        str(finished / path): job
        for job in read_jobs(snakemake(finished, "--dry-run", "--forceall").stdout)
        for path in job.outputs
    }
    shards = [path for path in sorted(finished.glob("results/**/*.h5")) if "stage" in attributes_of(path)]
    assert len(shards) >= 10
    for path in shards:
        stated = attributes_of(path)
        job = makers[str(path)]
        assert (stated["stage"], stated["code_digest"]) == (job.rule, code_digest(job.rule)), path
        assert len(json.loads(stated["inputs"])) >= bool(job.inputs), path
        assert str(finished) not in "".join(map(str, stated.values())), path


def attributes_of(path: Path) -> dict[str, object]:
    with h5py.File(path) as file:
        return dict(file.attrs)


def test_a_shard_is_explained_to_its_beginning(finished):
    said = snakemake(finished, "explain", "--config", f"shard={SHARD}").stdout
    for path, rule in (
        (SHARD, "annotate_faces"),
        ("results/fits/sample/00001.h5", "fit_faces"),
        ("results/landmarks/sample/00001.h5", "detect_landmarks"),
        ("results/index/sample/00001.csv", "index_images"),
        ("results/sample/lsfm/all_all_all.mat", "make_sample"),
    ):
        digest = input_digest(finished / path)[:16]
        assert f"{path}  digest {digest}\n    by {rule}\n" in said, said
    fits = input_digest(finished / "results/fits/sample/00001.h5")[:16]
    assert re.search(rf"^    inputs fits {fits}, index \w+, model \w+$", said, re.MULTILINE), said
    assert ", which is " not in said


@pytest.mark.parametrize(("shard", "problem"), [("results/none.h5", "no such file"), ("", "names no shard")])
def test_what_cannot_be_explained_says_so(finished, shard, problem):
    asked = ("--config", f"shard={shard}") if shard else ()
    run = snakemake(finished, "explain", *asked)
    assert run.returncode != 0
    assert problem in run.stdout


def test_a_finished_run_has_nothing_planned(finished):
    assert "Nothing is left to do for all." in snakemake(finished, "plan").stdout


def test_a_plan_counts_what_is_left(folder):
    for name in ("fits", "shards"):
        shutil.rmtree(folder / "results" / name)
    said = snakemake(folder, "plan").stdout
    assert re.search(r"^fit_faces +2 +14 ", said, re.MULTILINE), said
    assert not re.search(r"^index_images ", said, re.MULTILINE), said


def test_a_setting_reruns_the_stages_that_read_it(finished):
    config = {**TINY, "annotate_faces": {"size_px": 64}}
    plan = snakemake(finished, "--dry-run", config=config).stdout
    read_it = {"annotate_faces", "render_pairs", "draw_sliders", "render_meshes", "fit_clips"}
    assert set(jobs(plan)) == read_it | AFTER_SHARDS | {"draw_expression_sheet", "draw_speech_sheet", "all"}


@pytest.fixture(scope="module")
def report(finished) -> Path:
    made = finished / "report.html"
    run = snakemake(finished, "--report", made, "--report-stylesheet", ROOT / "workflow/report/report.css")
    assert run.returncode == 0, run.stdout
    return made


def test_the_report_stands_alone(finished, report):
    text = report.read_text(encoding="utf-8")
    assert not re.search(r'<(?:script|link|img)[^>]+(?:src|href)="https?:', text), "opens without a network"
    for shown in ("1 Counts and rejects", "2 Labels", "3 Pictures", "4 Components", "results/statistics/fates.html"):
        assert shown in text
    for page in finished.glob("results/**/*.html"):
        assert page.stat().st_size * 4 / 3 < 2**21, f"{page}: Chromium shows no more of a page inside a page"
    captions = set(re.findall(r"\w+\.rst", "".join(path.read_text() for path in (ROOT / "workflow").rglob("*.smk"))))
    assert captions == {path.name for path in (ROOT / "workflow/report").glob("*.rst")} - {"workflow.rst"}


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_report_in_a_browser(report, size):
    """Quiet, but for its own style's library, which does not want to be built in; each control named; no text cut."""
    with chromium() as browser, silent_page(browser, size, but="cdn.tailwindcss.com should not be used") as page:
        page.goto(report.as_uri())
        page.get_by_role("link", name="1 Counts and rejects").wait_for()
        assert page.get_by_text("shards of aligned pictures").bounding_box()["x"] >= 0
        assert all(name for _, name in controls(page)) and overflow_px(page) <= 0
        page.get_by_role("link", name="1 Counts and rejects").click()
        page.get_by_role("link", name="Show", exact=True).click()
        page.frame_locator("iframe").get_by_role("heading", name="What became of every candidate").wait_for()
        assert all(name for _, name in controls(page)) and overflow_px(page) <= 0


@pytest.mark.parametrize("kind", ["huggingface", "webdataset"])
def test_shards_are_exported_by_one_target(folder, kind):
    run = snakemake(folder, "export", config={**TINY, "export_shard": {"format": kind}})
    assert run.returncode == 0, run.stdout
    assert "annotated-sample" in (folder / f"results/export/{kind}/README.md").read_text()
    assert len(list(folder.glob(f"results/export/{kind}/*/sample/0000?.*"))) == 6


def test_bad_photos_become_rows_and_the_good_one_a_label(folder, bad_photos):
    datasets = {"sample": None, "packaged": None, "mine": folder_dataset(bad_photos)}
    without = {name: {"sample": None} for name in ("mesh_datasets", "clip_datasets", "speech_databases")}
    config = {**TINY, **without, "datasets": datasets, "expression_models": NO_MODELS}
    run = snakemake(folder, "dataset", config=config)
    assert run.returncode == 0, run.stdout
    reasons = {row.id: row.reason for row in read_rejects(folder / "results/shards/rejects.csv")}
    assert set(reasons) == {
        f"mine/{name}" for name in ("truncated.jpg", "empty.jpg", "huge.png", "text.jpg", "no_face.png")
    }
    assert "60000" in reasons["mine/huge.png"] and "no face" in reasons["mine/no_face.png"]
    assert read_shard(folder / "results/shards/annotated/mine/00001.h5", "annotated").text("id") == ["mine/face.png"]


def folder_dataset(root: Path) -> dict:
    return {"layout": "folder", "root": str(root), "model": "sample", "shards": 2, "shard_size": 6}


def test_photos_added_at_the_end_move_no_other(folder, bad_photos):
    datasets = {"sample": None, "packaged": None, "mine": folder_dataset(bad_photos)}
    config = {**TINY, "datasets": datasets}
    run = snakemake(folder, "annotated", config=config)
    assert run.returncode == 0, run.stdout
    shutil.copy(bad_photos / "no_face.png", bad_photos / "zz_late.png")
    plan = snakemake(folder, "annotated", "--dry-run", config=config).stdout
    assert set(re.findall(r"output: results/shards/annotated/mine/(\d+).h5", plan)) == {"00002"}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"fit_faces": {"identity_wieght": 1}}, "unknown key 'identity_wieght'. Did you mean 'identity_weight'"),
        ({"datasets": {"mine": folder_dataset(Path("/nowhere/at/all"))}}, "/nowhere/at/all"),
        ({"datasets": {"mine": {**folder_dataset(Path("/")), "model": "lsfm"}}}, "there is no 'lsfm' among the models"),
    ],
)
def test_a_wrong_configuration_stops_before_any_job(tmp_path, config, said):
    run = snakemake(tmp_path, config=config)
    assert run.returncode != 0
    assert said in run.stdout
    assert jobs(run.stdout) == []
    assert not list(tmp_path.glob("results/**/*.h5"))


@pytest.fixture
def bad_photos(tmp_path) -> Path:
    """One photo with a face among five files that cannot be used."""
    from skimage.data import astronaut

    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(astronaut()).save(folder / "face.png")
    Image.fromarray(astronaut()).save(folder / "whole.jpg")
    whole = (folder / "whole.jpg").read_bytes()
    (folder / "whole.jpg").unlink()
    (folder / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("a list of things to buy")
    Image.new("RGB", (200, 200), (90, 120, 60)).save(folder / "no_face.png")
    (folder / "huge.png").write_bytes(png_that_claims(60_000, 60_000))
    return folder
