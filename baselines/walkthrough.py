"""A solver without a language model: plays session.md, a hand-written attempt, with real tools.

inspect eval inspect_task.py -T departures=2 --solver baselines/walkthrough.py@walkthrough --model none
python baselines/walkthrough.py LOG > docs/walkthrough.md
"""

import re
import sys
from pathlib import Path

from inspect_ai.log import read_eval_log
from inspect_ai.model import ModelOutput, execute_tools
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import bash, python

sys.path.insert(0, str(Path(__file__).parents[1]))  # Inspect loads this file by its path

from guards.unbreakable import SECONDS
from tools.check_port import check_port

TEXT = Path(__file__).with_name("session.md").read_text(encoding="utf-8")
INTRODUCTION, SESSION = TEXT.split("---\n\n", 1)
CELL = re.compile(r"\s*(.*?)\s*```(\w+)\n(.*?)```\n", re.DOTALL)  # a thought, a tool, its input
ARGUMENT = {"python": "code", "bash": "command"}


@solver
def walkthrough() -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        tools = [bash(SECONDS), python(SECONDS), check_port()]
        for thought, tool, code in CELL.findall(SESSION):
            arguments = {ARGUMENT[tool]: code} if tool in ARGUMENT else {}
            said = ModelOutput.for_tool_call("walkthrough", tool, arguments, content=thought)
            state.messages.append(said.message)
            state.messages += (await execute_tools(state.messages, tools)).messages
        state.output = ModelOutput.from_content("walkthrough", CELL.sub("", SESSION).strip())
        state.messages.append(state.output.message)
        return state

    return solve


if __name__ == "__main__":
    (sample,) = read_eval_log(sys.argv[1]).samples or []
    told = [message.text.rstrip() for message in sample.messages if message.role == "tool"]
    answers = iter(f"\n```text\n{text}\n```\n" if text else "" for text in told)
    print(INTRODUCTION + CELL.sub(lambda cell: cell[0] + next(answers), SESSION))
    score = (sample.scores or {})["parity"]
    print(f"The original is `{sample.target}`. On unseen tokens: {score.explanation}.")
