from pipeline.plan import described
from pipeline.run_jobs import Cost, Job
from pipeline.settings.plan import Plan

SETTINGS = Plan(targets=("all",), gpus=1, cores=2, snakefile="Snakefile", config={})
COSTS = {
    "fit": Cost(job_s=36.0, item_s=3.6, item_bytes=1e6, mem_mb=700.0, jobs=1, items=1),
    "train": Cost(job_s=3600.0, item_s=0.0, item_bytes=0.0, mem_mb=900.0, jobs=1, items=0),
}
ITEMS = [1000, 490, 0, 0]
JOBS = [
    Job("fit", "a/00001", (), ("1",), 1, 0),
    Job("fit", "a/00002", (), ("2",), 1, 0),
    Job("train", "rad", ("1", "2"), ("3",), 1, 1),
    Job("unknown", "", (), ("r/listings/b/00001.csv",), 1, 0),
]


def test_a_plan_sums_what_was_measured_and_says_what_was_not():
    lines = list(described(JOBS, ITEMS, COSTS, SETTINGS))
    table = {line.split()[0]: line.split()[1:] for line in lines}
    assert table["fit"] == ["2", "1490", "1.51", "0.00", "1.49", "700"]  # 2 x 36 s + 1490 x 3.6 s = 1.51 hours
    assert table["train"] == ["1", "0", "1.00", "1.00", "0.00", "900"]
    assert table["unknown"] == ["1", "0", "not", "measured"]
    text = "\n".join(lines)
    assert "About 2.01 hours on 2 cores and 1 GPUs" in text  # the larger shard's 3,636 s, then the training
    assert "nobody measured them: unknown." in text
    assert "not counted: r/listings/b/00001.csv." in text


def test_nothing_left_is_said():
    assert list(described([], [], COSTS, SETTINGS)) == ["Nothing is left to do for all."]
