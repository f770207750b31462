"""No language model may act in the local sandbox, which is this machine: not that of --model, of a role or of a solver."""

from typing import ClassVar

from inspect_ai.hooks import BeforeModelGenerate, Hooks, TaskStart, hooks
from inspect_ai.util import LimitExceededError, store

NO_SERVICE = "none", "mockllm/"
"""A model whose name begins so asks no service."""
REFUSAL = "the local sandbox does not isolate: use --sandbox docker"


@hooks(name="orphan_checkpoint_isolation", description="Refuses a language model on this machine.")
class Isolation(Hooks):
    local: ClassVar[set[str]] = set()

    async def on_task_start(self, data: TaskStart) -> None:
        if data.spec.sandbox and data.spec.sandbox.type == "local":
            self.local.add(data.eval_id)

    async def on_before_model_generate(self, data: BeforeModelGenerate) -> None:
        ours = "row" in store()
        if ours and data.eval_id in self.local and not data.model_name.startswith(NO_SERVICE):
            store().set("refused", REFUSAL)  # for the scorer: such a sample has no score
            raise LimitExceededError("custom", value=1, limit=0, message=REFUSAL)
