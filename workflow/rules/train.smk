"""Training from the shards, and what it is worth. On a GPU where there is one."""

TRAINED = config["train_variants"]
DEFAULT_KINDS = ("annotated", "paired", "meshes")
ACTION_UNITS = [config["action_units"]] if config["action_units"] else []


def shards_of(kinds):
    """The shards of some kinds."""
    return [shard for shard in SHARDS if Path(shard).parts[-3] in kinds]


def kinds_for(variant):
    """What a variant is trained and evaluated on: shards of one model, whose parameters mean the same."""
    return config["variant_shards"].get(variant, DEFAULT_KINDS)


def evaluated_on():
    """All that the trained variants are evaluated on: pictures that are in pairs."""
    return shards_of(
        {kind for name in TRAINED for kind in kinds_for(name)} - {"annotated"}
    )


rule train_identity:
    input:
        shards=shards_of(("paired", "meshes")),
    output:
        identity=f"{RESULTS}/identity/network.pt",
        report=f"{RESULTS}/identity/report.json",
    log:
        log_of("train_identity"),
    benchmark:
        benchmark_of("train_identity")
    conda:
        "../../envs/gan.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=240,
        gpu=1,
    params:
        **stage("train_identity"),
    script:
        "../scripts/stage.py"


# TensorBoard's events and the state of an interrupted training lie beside the checkpoint, undeclared: Snakemake would
# delete them before it starts the rule again, and the training could not go on from where it was.
rule train_slidergan:
    input:
        shards=lambda wildcards: shards_of(kinds_for(wildcards.variant)),
        identity=config["identity_weights"] or rules.train_identity.output.identity,
        action_units=ACTION_UNITS,
    output:
        checkpoint=f"{RESULTS}/gan/{{variant}}/checkpoint.pt",
        history=f"{RESULTS}/gan/{{variant}}/history.csv",
        samples=report(
            f"{RESULTS}/gan/{{variant}}/samples.png",
            caption="../report/samples.rst",
            category="5 Training",
            labels={"variant": "{variant}", "shows": "samples"},
        ),
    log:
        log_of("train_slidergan/{variant}"),
    benchmark:
        benchmark_of("train_slidergan/{variant}")
    conda:
        "../../envs/gan.yaml"
    threads: 1
    resources:
        mem_mb=16000,
        runtime=2880,
        gpu=config["train_slidergan"]["gpus"],
    params:
        settings=lambda wildcards: {
            **config["train_slidergan"],
            "variant": wildcards.variant,
            "changes": config["slidergan_variants"][wildcards.variant],
        },
        code=code_digest("train_slidergan"),
    script:
        "../scripts/stage.py"


rule evaluate:
    input:
        checkpoints=expand(rules.train_slidergan.output.checkpoint, variant=TRAINED),
        shards=evaluated_on(),
        action_units=ACTION_UNITS,
    output:
        table=f"{RESULTS}/evaluation/table.csv",
        report=report(
            f"{RESULTS}/evaluation/report.html",
            caption="../report/evaluation.rst",
            category="6 Evaluation",
            labels={"shows": "table and figures"},
        ),
        figures=directory(f"{RESULTS}/evaluation/figures"),
    log:
        log_of("evaluate"),
    benchmark:
        benchmark_of("evaluate")
    conda:
        "../../envs/gan.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=240,
        gpu=1,
    params:
        **stage("evaluate"),
    script:
        "../scripts/stage.py"
