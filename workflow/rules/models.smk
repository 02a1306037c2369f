"""Face models: whatever files they come from, one native file each."""


def model_sources(wildcards):
    """The files that a model is built from, by part."""
    parts = config["models"][wildcards.model]
    paths = {
        name: parts[name]["path"]
        for name in ("identity", "expression", "speech")
        if parts[name]
    }
    return paths | ({"landmarks": parts["landmarks"]} if parts["landmarks"] else {})


rule build_models:
    input:
        unpack(model_sources),
    output:
        model=f"{RESULTS}/models/{{model}}.h5",
    log:
        log_of("build_models/{model}"),
    benchmark:
        benchmark_of("build_models/{model}")
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        settings=lambda wildcards: config["models"][wildcards.model],
        code=code_digest("build_models"),
    script:
        "../scripts/stage.py"
