"""Mesh sequences to expression models and to rendered shards: list, index or register, build, project, render."""

MADE_MESHES = [
    name for name, meshes in MESH_DATASETS.items() if is_made(meshes["manifest"])
]
MESH_LISTING = f"{RESULTS}/mesh_listings/{{dataset}}/{{shard}}.csv"
MESH_SUBJECTS = f"{RESULTS}/mesh_listings/{{dataset}}/subjects.csv"


def mesh_settings(section):
    """The params of a rule that reads meshes: its section, with the unit of the dataset that they are of."""
    return lambda wildcards: {
        **config[section],
        "unit_mm": MESH_DATASETS[wildcards.dataset]["unit_mm"],
    }


def mesh_model_of(wildcards):
    """The native file of the face model that meshes are on the topology of."""
    return model_file(MESH_DATASETS[wildcards.dataset])


def reader_of(dataset):
    """Registered meshes are parsed into a cache; raw scans are registered into one."""
    registered = MESH_DATASETS[dataset]["registered"]
    return rules.index_meshes if registered else rules.register_meshes


def cache_of(wildcards):
    return reader_of(wildcards.dataset).output.cache


def learnt_from(wildcards):
    """The mesh dataset that an expression model is built from."""
    return EXPRESSION_MODELS[wildcards.model]["meshes"]


if MADE_MESHES:

    rule list_meshes:
        input:
            manifest=rules.make_sample.output.manifest4dfab,
        output:
            listings=all_shards(MESH_LISTING, MADE_MESHES, MESH_DATASETS),
            subjects=expand(MESH_SUBJECTS, dataset=MADE_MESHES)[0],
        log:
            log_of("list_meshes"),
        benchmark:
            benchmark_of("list_meshes")
        conda:
            "../../envs/models.yaml"
        threads: 1
        resources:
            mem_mb=1000,
            runtime=10,
        params:
            **stage("list_meshes", mesh_listing_of(MADE_MESHES[0])),
        script:
            "../scripts/stage.py"


rule index_meshes:
    input:
        listing=MESH_LISTING,
        template=mesh_model_of,
    output:
        cache=f"{RESULTS}/indexed_meshes/{{dataset}}/{{shard}}.h5",
        rejects=f"{RESULTS}/indexed_meshes/{{dataset}}/{{shard}}.rejects.csv",
    log:
        log_of("index_meshes/{dataset}/{shard}"),
    benchmark:
        benchmark_of("index_meshes/{dataset}/{shard}")
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        settings=mesh_settings("index_meshes"),
        code=code_digest("index_meshes"),
    script:
        "../scripts/stage.py"


rule register_meshes:
    input:
        listing=MESH_LISTING,
        template=mesh_model_of,
    output:
        cache=f"{RESULTS}/registered_meshes/{{dataset}}/{{shard}}.h5",
        rejects=f"{RESULTS}/registered_meshes/{{dataset}}/{{shard}}.rejects.csv",
        quality=f"{RESULTS}/registered_meshes/{{dataset}}/{{shard}}.quality.csv",
    log:
        log_of("register_meshes/{dataset}/{shard}"),
    benchmark:
        benchmark_of("register_meshes/{dataset}/{shard}")
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=1440,
    params:
        settings=mesh_settings("register_meshes"),
        code=code_digest("register_meshes"),
    script:
        "../scripts/stage.py"


rule build_expression_model:
    input:
        caches=lambda wildcards: all_shards(
            reader_of(learnt_from(wildcards)).output.cache,
            [learnt_from(wildcards)],
            MESH_DATASETS,
        ),
        template=lambda wildcards: model_file(MESH_DATASETS[learnt_from(wildcards)]),
    output:
        model=f"{RESULTS}/expression_models/{{model}}.h5",
        components=f"{RESULTS}/expression_models/{{model}}.csv",
        rejects=f"{RESULTS}/expression_models/{{model}}.rejects.csv",
    log:
        log_of("build_expression_model/{model}"),
    benchmark:
        benchmark_of("build_expression_model/{model}")
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        settings=lambda wildcards: {
            **config["build_expression_model"],
            **EXPRESSION_MODELS[wildcards.model],
        },
        code=code_digest("build_expression_model"),
    script:
        "../scripts/stage.py"


rule draw_components:
    input:
        model=rules.build_expression_model.output.model,
        components=rules.build_expression_model.output.components,
    output:
        sheet=report(
            f"{RESULTS}/sheets/components/{{model}}.png",
            caption="../report/components.rst",
            category="4 Components",
            labels={"model": "{model}"},
        ),
    log:
        log_of("draw_components/{model}"),
    benchmark:
        benchmark_of("draw_components/{model}")
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        **stage("draw_components"),
    script:
        "../scripts/stage.py"


rule project_meshes:
    input:
        cache=cache_of,
        model=mesh_model_of,
    output:
        projections=f"{RESULTS}/projections/{{dataset}}/{{shard}}.h5",
        rejects=f"{RESULTS}/projections/{{dataset}}/{{shard}}.rejects.csv",
    log:
        log_of("project_meshes/{dataset}/{shard}"),
    benchmark:
        benchmark_of("project_meshes/{dataset}/{shard}")
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        **stage("project_meshes"),
    script:
        "../scripts/stage.py"


rule render_meshes:
    input:
        cache=cache_of,
        projections=rules.project_meshes.output.projections,
        model=mesh_model_of,
        subjects=MESH_SUBJECTS,
    output:
        shard=f"{RESULTS}/shards/meshes/{{dataset}}/{{shard}}.h5",
        rejects=f"{RESULTS}/rendered_meshes/{{dataset}}/{{shard}}.rejects.csv",
        sheet=report(
            f"{RESULTS}/sheets/meshes/{{dataset}}/{{shard}}.png",
            caption="../report/meshes.rst",
            category="3 Pictures",
            labels={"dataset": "{dataset}", "shows": "meshes, shard {shard}"},
        ),
    log:
        log_of("render_meshes/{dataset}/{shard}"),
    benchmark:
        benchmark_of("render_meshes/{dataset}/{shard}")
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        settings=with_crop("render_meshes"),
        code=code_digest("render_meshes"),
    script:
        "../scripts/stage.py"


def mesh_shards(pattern):
    """A path pattern with {dataset} and {shard}, for every shard of meshes."""
    return all_shards(pattern, tuple(MESH_DATASETS), MESH_DATASETS)


def mesh_rejects():
    """The tables of rejects of every stage that meshes go through."""
    return [
        *(
            path
            for name in MESH_DATASETS
            for path in all_shards(
                reader_of(name).output.rejects, [name], MESH_DATASETS
            )
        ),
        *mesh_shards(rules.project_meshes.output.rejects),
        *mesh_shards(rules.render_meshes.output.rejects),
    ]
