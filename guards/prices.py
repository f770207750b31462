"""What models cost, wherever a run is started from: of Inspect's options for prices each is a path from the working directory."""

from pathlib import Path

import yaml
from inspect_ai.model import ModelCost, get_model_info, set_model_cost


def set_prices() -> None:
    """Those of costs.yaml, but for models that --model-cost-config gave a price before."""
    costs = yaml.safe_load((Path(__file__).parents[1] / "costs.yaml").read_text(encoding="utf-8"))
    for model, cost in costs.items():
        known = get_model_info(model)
        if known is None or known.cost is None:
            set_model_cost(model, ModelCost(**cost))


set_prices()
