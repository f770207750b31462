"""A solver without a language model: plays session.md, a hand-written attempt at row 2, with the agent's own tools.

inspect eval inspect_task.py -T departures=2 --solver baselines/walkthrough.py@walkthrough --model none
python baselines/walkthrough.py LOG > docs/walkthrough.md
"""

import re
import sys
from pathlib import Path

from inspect_ai.log import read_eval_log
from inspect_ai.model import ChatMessageAssistant, ChatMessageTool, ModelOutput, execute_tools
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import ToolCall, bash, python

sys.path.insert(0, str(Path(__file__).parents[1]))  # Inspect loads this file by its path

from tools.check_port import check_port

SESSION = Path(__file__).with_name("session.md")
CELL = re.compile(r"(.*?)```(\w+)\n(.*?)```\n", re.DOTALL)  # a thought, a tool, what it is given
ARGUMENT = {"python": "code", "bash": "command"}
INTRODUCTION = """# What does a solved attempt look like?

A hand-written session, played with the agent's own tools against row 2 of dataset.jsonl, whose original differs from
Llama in two choices. No language model wrote it. `make walkthrough` makes this page; its cells stand in
[baselines/session.md](../baselines/session.md).
"""


@solver
def walkthrough() -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        tools = [bash(300), python(300), check_port()]
        session = SESSION.read_text(encoding="utf-8")
        for number, (thought, tool, code) in enumerate(CELL.findall(session)):
            arguments = {ARGUMENT[tool]: code} if code else {}
            call = ToolCall(id=f"cell-{number}", function=tool, arguments=arguments)
            state.messages.append(ChatMessageAssistant(content=thought.strip(), tool_calls=[call]))
            state.messages += (await execute_tools(state.messages, tools)).messages
        state.output = ModelOutput.from_content("walkthrough", CELL.sub("", session).strip())
        state.messages.append(state.output.message)
        return state

    return solve


def page(log: str) -> str:
    """The transcript of a log, as a page of docs/."""
    (sample,) = read_eval_log(log).samples or []
    lines = [INTRODUCTION]
    for message in sample.messages:
        if isinstance(message, ChatMessageAssistant):
            lines += [message.text, ""] if message.text else []
            for call in message.tool_calls or []:
                code = "".join(call.arguments.values()) or "check_port()"
                lines += [f"```{call.function}", code.rstrip(), "```", ""]
        if isinstance(message, ChatMessageTool) and message.text:
            lines += ["```text", message.text.rstrip(), "```", ""]
    return "\n".join(lines).rstrip()


if __name__ == "__main__":
    print(page(sys.argv[1]))
