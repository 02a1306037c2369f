"""The dataset as a whole: every shard's digest and statistics, every reject with its reason."""


rule index_dataset:
    input:
        shards=all_shards(rules.annotate_faces.output.shard),
        rejects=[
            path
            for earlier in (
                rules.index_images,
                rules.detect_landmarks,
                rules.fit_faces,
            )
            for path in all_shards(earlier.output.rejects)
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
