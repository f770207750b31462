"""What models cost, from any folder; Inspect's own options look in the working folder alone."""

from pathlib import Path

import yaml
from inspect_ai.model import ModelCost, ModelInfo, get_model_info, set_model_info

from guards.arguments import ROOT


def set_prices(path: Path) -> None:
    """Also of models that Inspect does not know. Those that --model-cost-config priced keep that."""
    for model, cost in yaml.safe_load(path.read_text(encoding="utf-8")).items():
        known = get_model_info(model) or ModelInfo()
        if known.cost is None:
            set_model_info(model, known.model_copy(update={"cost": ModelCost(**cost)}))


set_prices(ROOT / "costs.yaml")
