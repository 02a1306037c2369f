"""For other people's tools: metadata beside the shards, and the shards in other formats."""

EXPORT = f"{RESULTS}/export/{config['export_shard']['format']}"
SUFFIX = {"huggingface": "parquet", "webdataset": "tar"}
EXPORTED = (
    f"{EXPORT}/{{kind}}/{{dataset}}/{{shard}}."
    + SUFFIX[config["export_shard"]["format"]]
)


rule describe_croissant:
    input:
        shards=SHARDS,
        dataset=rules.index_dataset.output.dataset,
        rejects=rules.index_dataset.output.rejects,
    output:
        croissant=f"{RESULTS}/shards/croissant.json",
    log:
        log_of("describe_croissant"),
    benchmark:
        benchmark_of("describe_croissant")
    conda:
        "../../envs/faces.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        **stage("describe_croissant"),
    script:
        "../scripts/stage.py"


rule export_shard:
    input:
        shard=f"{RESULTS}/shards/{{kind}}/{{dataset}}/{{shard}}.h5",
    output:
        exported=EXPORTED,
    log:
        log_of("export_shard/{kind}/{dataset}/{shard}"),
    benchmark:
        benchmark_of("export_shard/{kind}/{dataset}/{shard}")
    conda:
        "../../envs/faces.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        settings=lambda wildcards: {
            **config["export_shard"],
            "kind": wildcards.kind,
        },
        code=code_digest("export_shard"),
    script:
        "../scripts/stage.py"


rule describe_export:
    input:
        exported=[
            EXPORTED.format(
                kind=Path(shard).parts[-3],
                dataset=Path(shard).parts[-2],
                shard=Path(shard).stem,
            )
            for shard in SHARDS
        ],
        shards=SHARDS,
    output:
        card=f"{EXPORT}/README.md",
    log:
        log_of("describe_export"),
    benchmark:
        benchmark_of("describe_export")
    conda:
        "../../envs/faces.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings=config["describe_croissant"],
        code=code_digest("describe_export"),
    script:
        "../scripts/stage.py"
