import pytest

from models3d.errors import InputError
from pipeline.run_jobs import (
    Cost,
    Job,
    Measured,
    costs_of,
    items_of,
    listed_rows,
    measured_jobs,
    read_costs,
    read_jobs,
    wall_time_s,
    write_costs,
)

SAID = """Building DAG of jobs...
[Sat Nov 28 12:17:46 2026]
rule list_photos:
    input: a/urls.txt
    output: r/listings/s/00001.csv, r/listings/s/00002.csv
    log: r/logs/list_photos.log
    jobid: 4
    resources: tmpdir=/tmp, runtime=10, mem_mb=1000
[Sat Nov 28 12:17:46 2026]
localrule train_slidergan:
    input: r/x.h5, r/y.h5
    output: r/gan/rad/checkpoint.pt
    log: r/logs/train_slidergan/rad.log
    reason: Forced execution
    wildcards: variant=rad
    threads: 4
    resources: tmpdir=/tmp, runtime=10, mem_mb=1000, gpu=1
[Sat Nov 28 12:17:46 2026]
rule all:
    input: r/gan/rad/checkpoint.pt
    jobid: 0
"""


def job(rule: str, name: str = "", inputs=(), outputs=(), threads=1, gpus=0) -> Job:
    return Job(rule, name, tuple(inputs), tuple(outputs), threads, gpus)


def test_jobs_are_read_from_a_dry_run():
    listed, train = read_jobs(SAID)
    assert listed == job("list_photos", "", ["a/urls.txt"], ["r/listings/s/00001.csv", "r/listings/s/00002.csv"])
    assert train == job("train_slidergan", "rad", ["r/x.h5", "r/y.h5"], ["r/gan/rad/checkpoint.pt"], 4, 1)


def test_nothing_to_do_is_no_job():
    assert read_jobs("Nothing to be done (all requested files are present and up to date).") == []


def test_a_dry_run_that_stopped_is_no_plan():
    with pytest.raises(InputError, match="MissingInputException"):
        read_jobs("MissingInputException in rule x")


def test_a_job_works_on_what_its_inputs_were_made_from(tmp_path):
    for name, rows in (("listings/a/00001", 3), ("listings/a/00002", 1), ("mesh_listings/a/00001", 5)):
        path = tmp_path / f"r/{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("id\n" + "x\n" * rows)
    (tmp_path / "r/mesh_listings/a/subjects.csv").write_text("subject\n1\n")
    rows = listed_rows(tmp_path, "r")
    assert rows == {"r/listings/a/00001.csv": 3, "r/listings/a/00002.csv": 1, "r/mesh_listings/a/00001.csv": 5}
    jobs = [
        job("build", "model", ["m.mat"], ["m.h5"]),
        job("list", "", ["urls.txt"], ["r/listings/a/00001.csv", "r/listings/a/00002.csv"]),
        job("index", "a/00001", ["r/listings/a/00001.csv"], ["i1"]),
        job("index", "a/00002", ["r/listings/a/00002.csv"], ["i2"]),
        job("fit", "a/00001", ["i1", "m.h5"], ["f1"]),
        job("sheet", "a", ["f1", "i1", "i2"], ["s"]),
        job("meshes", "a/00001", ["r/mesh_listings/a/00001.csv", "m.h5"], ["k"]),
        job("dataset", "", ["f1", "s", "k"], ["d"]),
        job("pairs", "a/00001", ["f1", "s"], ["p"]),
    ]
    assert list(items_of(jobs, rows).values()) == [0, 0, 3, 1, 3, 4, 5, 9, 3]


def test_costs_come_back_from_jobs_that_have_them():
    measured = [Measured("fit", items, 2.0 + 0.03 * items, 100.0 + items, 50 * items) for items in (0, 100, 400)]
    cost = costs_of(measured)["fit"]
    assert cost.job_s == pytest.approx(2.0) and cost.item_s == pytest.approx(0.03)
    assert (cost.item_bytes, cost.mem_mb, cost.jobs, cost.items) == (50, 500, 3, 500)


def test_a_job_without_items_costs_by_itself():
    cost = costs_of([Measured("build", 0, 3.0, 10.0, 7), Measured("build", 0, 5.0, 10.0, 7)])["build"]
    assert (cost.job_s, cost.item_s) == (pytest.approx(4.0), 0.0)


def test_no_cost_is_negative():
    cost = costs_of([Measured("odd", 0, 9.0, 1.0, 0), Measured("odd", 100, 3.0, 1.0, 0)])["odd"]
    assert cost.job_s >= 0 and cost.item_s >= 0


def test_what_the_last_run_of_a_job_took_is_read(tmp_path):
    (tmp_path / "r/listings/a").mkdir(parents=True)
    (tmp_path / "r/listings/a/00001.csv").write_text("id\nx\ny\n")
    (tmp_path / "r/benchmarks/fit/a").mkdir(parents=True)
    (tmp_path / "r/benchmarks/fit/a/00001.tsv").write_text("s\tmax_rss\tcpu_time\n3.5\t120.5\t3.0\n")
    (tmp_path / "r/logs/fit/a").mkdir(parents=True)
    line = "2026 root fit used {} s of processor time\n"
    (tmp_path / "r/logs/fit/a/00001.log").write_text(line.format("9.99") + line.format("3.25"))
    (tmp_path / "r/out.h5").write_bytes(bytes(10))
    listing = "r/listings/a/00001.csv"
    jobs = [job("fit", "a/00001", [listing], ["r/out.h5"]), job("never_ran", "a/00001", [listing])]
    assert measured_jobs(tmp_path, "r", jobs) == [Measured("fit", 2, 3.25, 120.5, 10)]


def test_costs_survive_their_file(tmp_path):
    costs = {"fit": Cost(2.0, 0.03, 50.0, 500.0, 3, 500)}
    write_costs(tmp_path / "costs.csv", costs)
    assert read_costs(tmp_path / "costs.csv") == costs


@pytest.mark.parametrize(
    "text", ["", "rule,job_s\nfit,1\n", "rule,job_s,item_s,item_bytes,mem_mb,jobs,items\nfit,a,1,1,1,1,1\n"]
)
def test_another_table_is_refused(tmp_path, text):
    (tmp_path / "costs.csv").write_text(text)
    with pytest.raises(InputError, match="no table of costs"):
        read_costs(tmp_path / "costs.csv")


def test_the_wall_waits_for_inputs_cores_and_gpus():
    parts = [job("part", str(number), outputs=[f"p{number}"]) for number in range(4)]
    whole = job("whole", inputs=[f"p{number}" for number in range(4)], outputs=["w"])
    assert wall_time_s([*parts, whole], [1.0, 1.0, 1.0, 1.0, 2.0], cores=1, gpus=0) == 6
    assert wall_time_s([*parts, whole], [1.0, 1.0, 1.0, 1.0, 2.0], cores=2, gpus=0) == 4
    assert wall_time_s([*parts, whole], [1.0, 1.0, 1.0, 1.0, 2.0], cores=9, gpus=0) == 3
    trainings = [job("train", str(number), outputs=[f"t{number}"], gpus=1) for number in range(3)]
    assert wall_time_s(trainings, [5.0, 5.0, 5.0], cores=9, gpus=1) == 15
    assert wall_time_s(trainings, [5.0, 5.0, 5.0], cores=9, gpus=3) == 5
    assert wall_time_s(trainings, [5.0, 5.0, 5.0], cores=9, gpus=0) == 5  # then they work on the processor


def test_a_wide_job_takes_what_there_is():
    assert wall_time_s([job("wide", outputs=["w"], threads=8)], [3.0], cores=2, gpus=0) == 3
