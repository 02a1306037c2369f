"""The embedded sample: what the licensed sets would hold, in their own layouts."""


rule make_sample:
    output:
        lsfm=f"{SAMPLE}/lsfm/all_all_all.mat",
        expression=f"{SAMPLE}/models/expression.h5",
        landmarks=f"{SAMPLE}/landmarks.json",
        manifest4dfab=f"{SAMPLE}/4dfab/manifest.csv",
        urls=f"{SAMPLE}/emotionet/emotioNet_URLs/emotioNet_1.txt",
        truth=f"{SAMPLE}/truth.h5",
    log:
        log_of("make_sample"),
    benchmark:
        benchmark_of("make_sample")
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=30,
    params:
        **stage("make_sample"),
    script:
        "../scripts/stage.py"
