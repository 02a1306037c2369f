"""For people: what became of every candidate, what the labels look like as a whole, how the trainings went."""


rule count_fates:
    input:
        photos=all_shards(rules.index_images.input.listing),
        meshes=mesh_shards(MESH_LISTING),
        clips=clip_shards(CLIP_LISTING),
        dataset=rules.index_dataset.output.dataset,
        rejects=rules.index_dataset.output.rejects,
    output:
        page=report(
            f"{RESULTS}/statistics/fates.html",
            caption="../report/fates.rst",
            category="1 Counts and rejects",
            labels={"shows": "what became of every candidate"},
        ),
    log:
        log_of("count_fates"),
    benchmark:
        benchmark_of("count_fates")
    conda:
        "../../envs/faces.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        settings={
            **config["count_fates"],
            "max_pixels": config["index_images"]["max_pixels"],
        },
        code=code_digest("count_fates"),
    script:
        "../scripts/stage.py"


rule draw_statistics:
    input:
        shards=lambda wildcards: shards_of_kind(wildcards.kind, wildcards.dataset),
    output:
        figure=report(
            f"{RESULTS}/statistics/labels/{{kind}}/{{dataset}}.png",
            caption="../report/statistics.rst",
            category="2 Labels",
            labels={"kind": "{kind}", "dataset": "{dataset}"},
        ),
    log:
        log_of("draw_statistics/{kind}/{dataset}"),
    benchmark:
        benchmark_of("draw_statistics/{kind}/{dataset}")
    conda:
        "../../envs/faces.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        settings=lambda wildcards: {"kind": wildcards.kind},
        code=code_digest("draw_statistics"),
    script:
        "../scripts/stage.py"


rule draw_training:
    input:
        history=rules.train_slidergan.output.history,
    output:
        figure=report(
            f"{RESULTS}/statistics/training/{{variant}}.png",
            caption="../report/training.rst",
            category="5 Training",
            labels={"variant": "{variant}", "shows": "losses"},
        ),
    log:
        log_of("draw_training/{variant}"),
    benchmark:
        benchmark_of("draw_training/{variant}")
    conda:
        "../../envs/gan.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        **stage("draw_training", {}),
    script:
        "../scripts/stage.py"
