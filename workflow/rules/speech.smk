"""Talking clips to speech shards: a speech basis from a 4D database, alignment by sound, joint fits, sheets."""

MADE_CLIPS = [name for name, clips in CLIP_DATASETS.items() if is_made(clips["root"])]
BY_PHONES = config["align_speech"]["second_aligner"] != "none"
CLIP_LISTING = f"{RESULTS}/clip_listings/{{dataset}}/{{shard}}.csv"


def clip_shards(pattern, names=tuple(CLIP_DATASETS)):
    """A path pattern with {dataset} and {shard}, for every shard of clips."""
    return all_shards(pattern, names, CLIP_DATASETS)


def clip_model_of(wildcards):
    """The native file of the face model, with speech, that clips are labelled with."""
    return model_file(CLIP_DATASETS[wildcards.dataset])


def takes_manifest_of(wildcards):
    """The manifest of the database that clips are aligned with."""
    return SPEECH_DATABASES[CLIP_DATASETS[wildcards.dataset]["database"]]["manifest"]


def released_basis_of(wildcards):
    """The speech basis of LRW-3D's own coefficients, if it is not the model's."""
    return CLIP_DATASETS[wildcards.dataset]["released_basis"] or []


def built_speech():
    """The databases whose speech basis a model of clips is made with."""
    speech = [
        config["models"][clips["model"]]["speech"] for clips in CLIP_DATASETS.values()
    ]
    named = {part["path"] for part in speech if part}
    return [
        name
        for name in SPEECH_DATABASES
        if rules.build_speech_model.output.model.format(database=name) in named
    ]


rule make_speech_sample:
    output:
        clip=f"{SAMPLE}/speech/lrw/lipread_mp4/ABOUT/train/ABOUT_00001.mp4",
        manifest=f"{SAMPLE}/speech/4d_speech/manifest.csv",
        released=f"{SAMPLE}/speech/lrw3d/speech.h5",
        truth=f"{SAMPLE}/speech/truth.h5",
    log:
        log_of("make_speech_sample"),
    benchmark:
        benchmark_of("make_speech_sample")
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        **stage(
            "make_speech_sample",
            {
                **config["make_speech_sample"],
                "seed": config["make_sample"]["seed"],
                "identity_components": config["make_sample"]["identity_components"],
            },
        ),
    script:
        "../scripts/stage.py"


rule build_speech_model:
    input:
        manifest=lambda wildcards: SPEECH_DATABASES[wildcards.database]["manifest"],
        template=lambda wildcards: model_file(SPEECH_DATABASES[wildcards.database]),
    output:
        model=f"{RESULTS}/speech_models/{{database}}.h5",
        components=f"{RESULTS}/speech_models/{{database}}.csv",
        rejects=f"{RESULTS}/speech_models/{{database}}.rejects.csv",
    log:
        log_of("build_speech_model/{database}"),
    benchmark:
        benchmark_of("build_speech_model/{database}")
    conda:
        "../../envs/models.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        **stage("build_speech_model"),
    script:
        "../scripts/stage.py"


rule index_takes:
    input:
        manifest=takes_manifest_of,
        model=clip_model_of,
    output:
        takes=f"{RESULTS}/takes/{{dataset}}.h5",
        rejects=f"{RESULTS}/takes/{{dataset}}.rejects.csv",
    log:
        log_of("index_takes/{dataset}"),
    benchmark:
        benchmark_of("index_takes/{dataset}")
    conda:
        "../../envs/speech.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        **stage("index_takes"),
    script:
        "../scripts/stage.py"


rule index_phones:
    input:
        manifest=takes_manifest_of,
        takes=rules.index_takes.output.takes,
    output:
        phones=f"{RESULTS}/phones/{{dataset}}.h5",
        rejects=f"{RESULTS}/phones/{{dataset}}.rejects.csv",
    log:
        log_of("index_phones/{dataset}"),
    benchmark:
        benchmark_of("index_phones/{dataset}")
    conda:
        "../../envs/speech.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        **stage("index_phones"),
    script:
        "../scripts/stage.py"


if MADE_CLIPS:

    rule list_clips:
        input:
            clip=rules.make_speech_sample.output.clip,
        output:
            listings=clip_shards(CLIP_LISTING, MADE_CLIPS[:1]),
        log:
            log_of("list_clips"),
        benchmark:
            benchmark_of("list_clips")
        conda:
            "../../envs/speech.yaml"
        threads: 1
        resources:
            mem_mb=1000,
            runtime=10,
        params:
            **stage("list_clips", clip_listing_of(MADE_CLIPS[0])),
        script:
            "../scripts/stage.py"


rule align_speech:
    input:
        listing=CLIP_LISTING,
        takes=rules.index_takes.output.takes,
        model=clip_model_of,
        released=released_basis_of,
        phones=rules.index_phones.output.phones if BY_PHONES else [],
    output:
        alignments=f"{RESULTS}/alignments/{{dataset}}/{{shard}}.h5",
        rejects=f"{RESULTS}/alignments/{{dataset}}/{{shard}}.rejects.csv",
    log:
        log_of("align_speech/{dataset}/{shard}"),
    benchmark:
        benchmark_of("align_speech/{dataset}/{shard}")
    conda:
        "../../envs/speech.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        **stage("align_speech"),
    script:
        "../scripts/stage.py"


rule fit_clips:
    input:
        listing=CLIP_LISTING,
        alignments=rules.align_speech.output.alignments,
        model=clip_model_of,
    output:
        shard=f"{RESULTS}/shards/speech/{{dataset}}/{{shard}}.h5",
        rejects=f"{RESULTS}/fitted_clips/{{dataset}}/{{shard}}.rejects.csv",
    log:
        log_of("fit_clips/{dataset}/{shard}"),
    benchmark:
        benchmark_of("fit_clips/{dataset}/{shard}")
    conda:
        "../../envs/speech.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        settings=gathered(FitClips, "fit_faces", "annotate_faces", "fit_clips"),
        code=code_digest("fit_clips"),
    script:
        "../scripts/stage.py"


rule draw_speech_sheet:
    input:
        shards=lambda wildcards: clip_shards(
            rules.fit_clips.output.shard, [wildcards.dataset]
        ),
        listings=lambda wildcards: clip_shards(CLIP_LISTING, [wildcards.dataset]),
        model=clip_model_of,
    output:
        sheets=report(
            directory(f"{RESULTS}/sheets/speech/{{dataset}}"),
            patterns=["{word}.png"],
            caption="../report/speech.rst",
            category="3 Pictures",
            labels={"dataset": "{dataset}", "shows": "speech, {word}"},
        ),
    log:
        log_of("draw_speech_sheet/{dataset}"),
    benchmark:
        benchmark_of("draw_speech_sheet/{dataset}")
    conda:
        "../../envs/speech.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        **stage("draw_speech_sheet"),
    script:
        "../scripts/stage.py"


def speech_rejects():
    """The tables of rejects of every stage that takes and clips go through."""
    return [
        *expand(rules.build_speech_model.output.rejects, database=built_speech()),
        *expand(rules.index_takes.output.rejects, dataset=CLIP_DATASETS),
        *(
            expand(rules.index_phones.output.rejects, dataset=CLIP_DATASETS)
            if BY_PHONES
            else []
        ),
        *clip_shards(rules.align_speech.output.rejects),
        *clip_shards(rules.fit_clips.output.rejects),
    ]
