"""Photos in, shards out. `snakemake --cores 2` makes everything that config.yaml asks for."""

import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.20")


# anchored to the Snakefile, so that `--directory` does not lose it
configfile: str(Path(workflow.basedir) / "config.yaml")


report: "workflow/report/workflow.rst"


sys.path.insert(0, workflow.basedir)


include: "workflow/rules/common.smk"
include: "workflow/rules/sample.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/photos.smk"
include: "workflow/rules/paired.smk"
include: "workflow/rules/meshes.smk"
include: "workflow/rules/speech.smk"
include: "workflow/rules/dataset.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/plan.smk"


rule all:
    input:
        rules.index_dataset.output,
        expand(rules.draw_contact_sheet.output.sheet, dataset=DATASETS),
        expand(
            [
                rules.draw_expression_sheet.output.sheet,
                rules.draw_sliders.output.sheet,
            ],
            dataset=DATASETS,
        ),
        expand(rules.draw_components.output.sheet, model=EXPRESSION_MODELS),
        expand(rules.draw_speech_sheet.output.sheets, dataset=CLIP_DATASETS),
        rules.evaluate.output if TRAINED else [],
        rules.count_fates.output,
        kinds_and_datasets(rules.draw_statistics.output.figure),
        expand(rules.draw_training.output.figure, variant=TRAINED),
        rules.describe_croissant.output,


rule annotated:
    input:
        all_shards(rules.annotate_faces.output.shard),


rule dataset:
    input:
        rules.index_dataset.output,


rule validate:
    input:
        rules.validate_shards.output,


rule coefficients:
    input:
        expand(
            rules.export_coefficients.output.table,
            dataset=DATASETS,
            table=["csv", "parquet"],
        ),


rule joined:
    input:
        kinds_and_datasets(rules.join_shards.output.joined),


rule export:
    input:
        rules.describe_export.output,


rule paired:
    input:
        all_shards(rules.render_pairs.output.shard),


rule meshes:
    input:
        mesh_shards(rules.render_meshes.output.shard),


rule speech:
    input:
        clip_shards(rules.fit_clips.output.shard),


rule train:
    input:
        expand(rules.train_slidergan.output, variant=TRAINED),


onsuccess:
    print(where_to_look())
