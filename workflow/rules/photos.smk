"""Photos to annotated shards: list, index, detect, learn, fit, annotate."""


def learnt_for(wildcards):
    """What fit_faces looks at photos with, by its setting `dense`."""
    files = {
        "landmarks": f"{RESULTS}/learnt_landmarks/{DATASETS[wildcards.dataset]['model']}.h5",
        "photometric": rules.learn_texture.output.texture.format(**wildcards),
    }
    dense = config["fit_faces"]["dense"]
    return {"learnt": files[dense]} if dense in files else {}


def learnt_of_model(wildcards):
    """The same for people that the model renders itself, of whose look no photo says anything."""
    dense = config["fit_faces"]["dense"]
    learnt = rules.learn_landmarks.output.dense.format(model=wildcards.model)
    return {"learnt": learnt} if dense == "landmarks" else {}


if MADE:

    rule list_photos:
        input:
            urls=rules.make_sample.output.urls,
        output:
            listings=all_shards(f"{RESULTS}/listings/{{dataset}}/{{shard}}.csv", MADE),
        log:
            log_of("list_photos"),
        benchmark:
            benchmark_of("list_photos")
        conda:
            "../../envs/photos.yaml"
        threads: 1
        resources:
            mem_mb=1000,
            runtime=10,
        params:
            **stage(
                "list_photos", {"dataset": MADE[0], **listing_of(DATASETS[MADE[0]])}
            ),
        script:
            "../scripts/stage.py"


rule index_images:
    input:
        listing=f"{RESULTS}/listings/{{dataset}}/{{shard}}.csv",
    output:
        index=f"{RESULTS}/index/{{dataset}}/{{shard}}.csv",
        rejects=f"{RESULTS}/index/{{dataset}}/{{shard}}.rejects.csv",
    log:
        log_of("index_images/{dataset}/{shard}"),
    benchmark:
        benchmark_of("index_images/{dataset}/{shard}")
    conda:
        "../../envs/photos.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        **stage("index_images"),
    script:
        "../scripts/stage.py"


rule detect_landmarks:
    input:
        index=rules.index_images.output.index,
    output:
        landmarks=f"{RESULTS}/landmarks/{{dataset}}/{{shard}}.h5",
        rejects=f"{RESULTS}/landmarks/{{dataset}}/{{shard}}.rejects.csv",
    log:
        log_of("detect_landmarks/{dataset}/{shard}"),
    benchmark:
        benchmark_of("detect_landmarks/{dataset}/{shard}")
    conda:
        "../../envs/photos.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        **stage("detect_landmarks"),
    script:
        "../scripts/stage.py"


rule learn_landmarks:
    input:
        model=rules.build_models.output.model,
    output:
        dense=f"{RESULTS}/learnt_landmarks/{{model}}.h5",
    log:
        log_of("learn_landmarks/{model}"),
    benchmark:
        benchmark_of("learn_landmarks/{model}")
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        **stage(
            "learn_landmarks", gathered(LearnLandmarks, "fit_faces", "learn_landmarks")
        ),
    script:
        "../scripts/stage.py"


rule learn_texture:
    input:
        index=lambda wildcards: all_shards(
            rules.index_images.output.index, [wildcards.dataset]
        ),
        landmarks=lambda wildcards: all_shards(
            rules.detect_landmarks.output.landmarks, [wildcards.dataset]
        ),
        model=model_of,
    output:
        texture=f"{RESULTS}/textures/{{dataset}}.h5",
    log:
        log_of("learn_texture/{dataset}"),
    benchmark:
        benchmark_of("learn_texture/{dataset}")
    conda:
        "../../envs/faces.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        **stage("learn_texture", gathered(LearnTexture, "fit_faces", "learn_texture")),
    script:
        "../scripts/stage.py"


rule calibrate_labels:
    input:
        unpack(learnt_of_model),
        model=rules.build_models.output.model,
    output:
        calibration=f"{RESULTS}/calibration/{{model}}.json",
    log:
        log_of("calibrate_labels/{model}"),
    benchmark:
        benchmark_of("calibrate_labels/{model}")
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        **stage(
            "calibrate_labels",
            gathered(CalibrateLabels, "fit_faces", "calibrate_labels"),
        ),
    script:
        "../scripts/stage.py"


rule fit_faces:
    input:
        unpack(learnt_for),
        calibration=lambda wildcards: rules.calibrate_labels.output.calibration.format(
            model=DATASETS[wildcards.dataset]["model"]
        ),
        index=rules.index_images.output.index,
        landmarks=rules.detect_landmarks.output.landmarks,
        model=model_of,
    output:
        fits=f"{RESULTS}/fits/{{dataset}}/{{shard}}.h5",
        rejects=f"{RESULTS}/fits/{{dataset}}/{{shard}}.rejects.csv",
    log:
        log_of("fit_faces/{dataset}/{shard}"),
    benchmark:
        benchmark_of("fit_faces/{dataset}/{shard}")
    conda:
        "../../envs/faces.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        **stage("fit_faces"),
    script:
        "../scripts/stage.py"


rule annotate_faces:
    input:
        index=rules.index_images.output.index,
        fits=rules.fit_faces.output.fits,
        model=model_of,
    output:
        shard=f"{RESULTS}/shards/annotated/{{dataset}}/{{shard}}.h5",
    log:
        log_of("annotate_faces/{dataset}/{shard}"),
    benchmark:
        benchmark_of("annotate_faces/{dataset}/{shard}")
    conda:
        "../../envs/faces.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        **stage("annotate_faces"),
    script:
        "../scripts/stage.py"


rule draw_contact_sheet:
    input:
        index=lambda wildcards: all_shards(
            rules.index_images.output.index, [wildcards.dataset]
        ),
        fits=lambda wildcards: all_shards(
            rules.fit_faces.output.fits, [wildcards.dataset]
        ),
        model=model_of,
    output:
        sheet=report(
            f"{RESULTS}/sheets/annotated/{{dataset}}.png",
            caption="../report/fits.rst",
            category="3 Pictures",
            labels={"dataset": "{dataset}", "shows": "fits"},
        ),
    log:
        log_of("draw_contact_sheet/{dataset}"),
    benchmark:
        benchmark_of("draw_contact_sheet/{dataset}")
    conda:
        "../../envs/faces.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        **stage("draw_contact_sheet"),
    script:
        "../scripts/stage.py"
