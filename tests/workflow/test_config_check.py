import pytest
import yaml
from snakemake.utils import update_config

from models3d.errors import InputError
from pipeline.config_check import check_config
from pipeline.provenance import ROOT

SCHEMA = ROOT / "workflow/schemas/config.schema.json"


def test_the_defaults_are_valid(config):
    check_config(config, SCHEMA)


def test_a_misspelt_key_is_named_with_the_nearest_valid_one(config):
    config["fit_faces"]["identity_wieght"] = config["fit_faces"].pop("identity_weight")
    with pytest.raises(InputError, match=r"config: fit_faces: unknown key 'identity_wieght'.*identity_weight"):
        check_config(config, SCHEMA)


def test_a_misspelt_section_is_named(config):
    config["anotate_faces"] = {}
    with pytest.raises(InputError, match=r"top level: unknown key 'anotate_faces'. Did you mean 'annotate_faces'"):
        check_config(config, SCHEMA)


def test_a_missing_key_is_named(config):
    del config["datasets"]["sample"]["shards"]
    with pytest.raises(InputError, match=r"datasets.sample: missing keys shards"):
        check_config(config, SCHEMA)


def test_a_value_out_of_range_is_explained(config):
    config["datasets"]["sample"]["shards"] = 0
    with pytest.raises(InputError, match=r"datasets.sample.shards: 0 is less than .* number of shards"):
        check_config(config, SCHEMA)


def test_a_dataset_names_a_model_that_exists(config):
    config["datasets"]["sample"]["model"] = "sampel"
    with pytest.raises(InputError, match="there is no 'sampel' among the models. Did you mean 'sample'"):
        check_config(config, SCHEMA)


def test_a_variant_to_train_must_be_one(config):
    config["train_variants"] = ["slidergan_rda"]
    with pytest.raises(
        InputError, match="no 'slidergan_rda' among the slidergan_variants. Did you mean 'slidergan_rad'"
    ):
        check_config(config, SCHEMA)


def test_the_papers_configuration_is_valid_and_of_its_sizes(config):
    paper = yaml.safe_load((ROOT / "workflow/configs/paper.yaml").read_text(encoding="utf-8"))
    update_config(config, paper)
    check_config(config, SCHEMA)
    photos, meshes, clips = (config[name] for name in ("datasets", "mesh_datasets", "clip_datasets"))
    assert photos["emotionet"]["shards"] * photos["emotionet"]["shard_size"] == 250_000
    assert config["select_faces"]["faces"] * config["render_pairs"]["expressions"] == 10_000 * 20
    sessions = meshes["4dfab"]["shards"] * meshes["4dfab"]["sessions_per_shard"]
    assert 300_000 <= sessions * config["render_meshes"]["images_per_session"] < 301_000
    assert clips["lrw"]["shards"] * clips["lrw"]["shard_size"] * 12 == 180_000
