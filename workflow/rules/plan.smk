"""Questions about the workflow itself: what is to do and what it takes, what a shard was made from.

They have no outputs, so they are answered whenever they are asked.
"""


localrules:
    plan,
    explain,


def asked_of(section):
    """A section, with what a stage needs that asks Snakemake itself."""
    return {**section, "snakefile": workflow.main_snakefile, "config": config}


rule plan:
    input:
        costs=config["plan"]["costs"] or Path(workflow.basedir) / "workflow/costs.csv",
    log:
        log_of("plan"),
    conda:
        "../../envs/faces.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=lambda wildcards: {
            **asked_of(config["plan"]),
            "cores": workflow.resource_settings.cores,
        },
        code=code_digest("plan"),
    script:
        "../scripts/stage.py"


rule explain:
    log:
        log_of("explain"),
    conda:
        "../../envs/faces.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        **stage("explain", asked_of({"shard": config["shard"]})),
    script:
        "../scripts/stage.py"
