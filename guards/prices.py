"""What models cost, from any folder; Inspect's own options look in the working folder alone."""

import yaml
from inspect_ai.model import ModelCost, get_model_info, set_model_cost

from guards.arguments import ROOT

for model, cost in yaml.safe_load((ROOT / "costs.yaml").read_text(encoding="utf-8")).items():
    known = get_model_info(model)
    if known is None or known.cost is None:  # else --model-cost-config gave it a price
        set_model_cost(model, ModelCost(**cost))
