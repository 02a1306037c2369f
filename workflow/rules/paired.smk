"""Fitted faces with other expressions: select, render, look."""

PAIRED = f"{RESULTS}/shards/paired/{{dataset}}/{{shard}}.h5"


def selection_of(wildcards):
    """How many faces a shard gives: asked of all fits only where the first photos may hold enough without it."""
    dataset = DATASETS[wildcards.dataset]
    certain = (
        int(wildcards.shard) * dataset["shard_size"] <= config["select_faces"]["faces"]
    )
    return (
        []
        if certain
        else rules.select_faces.output.selected.format(dataset=wildcards.dataset)
    )


rule select_faces:
    input:
        fits=lambda wildcards: all_shards(
            rules.fit_faces.output.fits, [wildcards.dataset]
        ),
    output:
        selected=f"{RESULTS}/selected/{{dataset}}.csv",
    log:
        log_of("select_faces/{dataset}"),
    benchmark:
        benchmark_of("select_faces/{dataset}")
    conda:
        "../../envs/faces.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        **stage("select_faces"),
    script:
        "../scripts/stage.py"


rule render_pairs:
    input:
        index=rules.index_images.output.index,
        fits=rules.fit_faces.output.fits,
        model=model_of,
        selected=selection_of,
    output:
        shard=PAIRED,
        rejects=f"{RESULTS}/rendered_pairs/{{dataset}}/{{shard}}.rejects.csv",
    log:
        log_of("render_pairs/{dataset}/{shard}"),
    benchmark:
        benchmark_of("render_pairs/{dataset}/{shard}")
    conda:
        "../../envs/faces.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        settings=with_crop("render_pairs"),
        code=code_digest("render_pairs"),
    script:
        "../scripts/stage.py"


rule draw_expression_sheet:
    input:
        shards=lambda wildcards: all_shards(PAIRED, [wildcards.dataset]),
    output:
        sheet=report(
            f"{RESULTS}/sheets/paired/{{dataset}}.png",
            caption="../report/pairs.rst",
            category="3 Pictures",
            labels={"dataset": "{dataset}", "shows": "expressions"},
        ),
    log:
        log_of("draw_expression_sheet/{dataset}"),
    benchmark:
        benchmark_of("draw_expression_sheet/{dataset}")
    conda:
        "../../envs/faces.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        **stage("draw_expression_sheet"),
    script:
        "../scripts/stage.py"


rule draw_sliders:
    input:
        index=lambda wildcards: all_shards(
            rules.index_images.output.index, [wildcards.dataset]
        )[0],
        fits=lambda wildcards: all_shards(
            rules.fit_faces.output.fits, [wildcards.dataset]
        )[0],
        model=model_of,
    output:
        sheet=report(
            f"{RESULTS}/sheets/sliders/{{dataset}}.png",
            caption="../report/sliders.rst",
            category="3 Pictures",
            labels={"dataset": "{dataset}", "shows": "sliders"},
        ),
    log:
        log_of("draw_sliders/{dataset}"),
    benchmark:
        benchmark_of("draw_sliders/{dataset}")
    conda:
        "../../envs/faces.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        settings=with_crop("draw_sliders"),
        code=code_digest("draw_sliders"),
    script:
        "../scripts/stage.py"
