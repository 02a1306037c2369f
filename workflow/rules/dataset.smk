"""The dataset as a whole: every shard's digest and statistics, every reject with its reason; joined, and checked."""

SHARDS = [
    *all_shards(rules.annotate_faces.output.shard),
    *all_shards(rules.render_pairs.output.shard),
    *mesh_shards(rules.render_meshes.output.shard),
    *clip_shards(rules.fit_clips.output.shard),
]


def kinds_and_datasets(pattern):
    """A path pattern with {kind} and {dataset}, for every pair of them that has shards."""
    pairs = sorted({Path(shard).parts[-3:-1] for shard in SHARDS})
    return [pattern.format(kind=kind, dataset=dataset) for kind, dataset in pairs]


def shards_of_kind(kind, dataset):
    """The shards of one kind and dataset."""
    return [shard for shard in SHARDS if Path(shard).parts[-3:-1] == (kind, dataset)]


rule index_dataset:
    input:
        shards=SHARDS,
        rejects=[
            *(
                path
                for earlier in (
                    rules.index_images,
                    rules.detect_landmarks,
                    rules.fit_faces,
                    rules.render_pairs,
                )
                for path in all_shards(earlier.output.rejects)
            ),
            *mesh_rejects(),
            *speech_rejects(),
        ],
    output:
        dataset=f"{RESULTS}/shards/dataset.json",
        rejects=f"{RESULTS}/shards/rejects.csv",
    log:
        log_of("index_dataset"),
    benchmark:
        benchmark_of("index_dataset")
    conda:
        "../../envs/faces.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        **stage("index_dataset", {}),
    script:
        "../scripts/stage.py"


rule join_shards:
    input:
        shards=lambda wildcards: shards_of_kind(wildcards.kind, wildcards.dataset),
    output:
        joined=f"{RESULTS}/shards/{{kind}}/{{dataset}}.h5",
    log:
        log_of("join_shards/{kind}/{dataset}"),
    benchmark:
        benchmark_of("join_shards/{kind}/{dataset}")
    conda:
        "../../envs/faces.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        settings=lambda wildcards: {"kind": wildcards.kind},
        code=code_digest("join_shards"),
    script:
        "../scripts/stage.py"


rule validate_shards:
    input:
        shards=SHARDS,
        dataset=rules.index_dataset.output.dataset,
        rejects=rules.index_dataset.output.rejects,
    output:
        report=f"{RESULTS}/shards/validation.csv",
    log:
        log_of("validate_shards"),
    benchmark:
        benchmark_of("validate_shards")
    conda:
        "../../envs/faces.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        **stage("validate_shards", {}),
    script:
        "../scripts/stage.py"


rule export_coefficients:
    input:
        shards=lambda wildcards: all_shards(
            rules.annotate_faces.output.shard, [wildcards.dataset]
        ),
    output:
        table=f"{RESULTS}/coefficients/{{dataset}}.{{table}}",
    log:
        log_of("export_coefficients/{dataset}.{table}"),
    benchmark:
        benchmark_of("export_coefficients/{dataset}.{table}")
    wildcard_constraints:
        table="csv|parquet",
    conda:
        "../../envs/faces.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        **stage("export_coefficients", {}),
    script:
        "../scripts/stage.py"
