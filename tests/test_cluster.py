"""The values for the Kubernetes provider, against its chart and against compose.yaml; no cluster is needed."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[1]
VALUES = yaml.safe_load((ROOT / "sandbox/k8s.yaml").read_text())
OURS = VALUES["services"]["default"]


@pytest.fixture(scope="module")
def provider() -> Path:
    """The provider's folder; requirements.lock leaves it out, for Inspect imports it at every start."""
    module = pytest.importorskip(
        "k8s_sandbox", reason="the Kubernetes provider is missing: pip install inspect-k8s-sandbox"
    )
    return Path(module.__file__).parent


def test_the_chart_takes_the_values(provider):
    """As Helm checks them before it installs: laid over the chart's defaults, by the chart's schema."""
    chart = provider / "resources/helm/agent-env"
    defaults = yaml.safe_load((chart / "values.yaml").read_text())
    schema = json.loads((chart / "values.schema.json").read_text())
    jsonschema.validate(defaults | VALUES, schema)
    with pytest.raises(jsonschema.ValidationError, match="cap_drop"):
        jsonschema.validate(defaults | {"services": {"default": OURS | {"cap_drop": []}}}, schema)


def test_the_cluster_is_told_what_docker_is_told(provider, tmp_path):
    """What the provider makes of compose.yaml is part of the values; what it refuses is there or in a comment."""
    from k8s_sandbox.compose._converter import convert_compose_to_helm_values

    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    service = compose["services"]["default"]
    refused = {name: service.pop(name) for name in ("cap_drop", "logging", "pids_limit", "ulimits")}
    file = tmp_path / "compose.yaml"
    file.write_text(yaml.dump(compose))
    docker = convert_compose_to_helm_values(file)["services"]["default"]
    assert OURS["image"].endswith(f"/{docker['image']}")
    assert OURS["command"] == docker["args"]
    assert OURS["networkIsolated"] and docker["networkIsolated"]
    assert docker["resources"]["limits"].items() <= OURS["resources"]["limits"].items()
    assert docker["securityContext"].items() <= OURS["securityContext"].items()
    assert OURS["securityContext"]["capabilities"] == {"drop": refused["cap_drop"]}
