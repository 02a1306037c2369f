"""Photos in, shards out. `snakemake --cores 2` makes everything that config.yaml asks for."""

import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.20")


# anchored to the Snakefile, so that `--directory` does not lose it
configfile: str(Path(workflow.basedir) / "config.yaml")


sys.path.insert(0, workflow.basedir)


include: "workflow/rules/common.smk"
include: "workflow/rules/sample.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/photos.smk"
include: "workflow/rules/dataset.smk"


rule all:
    input:
        rules.index_dataset.output,
        expand(rules.draw_contact_sheet.output.sheet, dataset=DATASETS),


rule annotated:
    input:
        all_shards(rules.annotate_faces.output.shard),


rule dataset:
    input:
        rules.index_dataset.output,


rule paired:
    input:
        not_built_yet("paired"),


rule meshes:
    input:
        not_built_yet("meshes"),


rule speech:
    input:
        not_built_yet("speech"),


rule train:
    input:
        not_built_yet("train"),


rule evaluate:
    input:
        not_built_yet("evaluate"),


onsuccess:
    print(where_to_look())
