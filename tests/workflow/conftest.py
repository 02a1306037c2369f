import json

import pytest
import yaml

from pipeline.provenance import ROOT


@pytest.fixture
def config_schema() -> dict:
    return json.loads((ROOT / "workflow/schemas/config.schema.json").read_text(encoding="utf-8"))


@pytest.fixture
def config() -> dict:
    return yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
