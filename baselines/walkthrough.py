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
from inspect_ai.tool import ToolCall

from tools.safe_tools import agent_tools

SESSION = Path(__file__).with_name("session.md")
CELL = re.compile(r"(.*?)```(\w+)\n(.*?)```\n", re.DOTALL)
ARGUMENT = {"python": "code", "bash": "command"}


@solver
def walkthrough() -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        session = SESSION.read_text(encoding="utf-8")
        for number, (thought, tool, code) in enumerate(CELL.findall(session)):
            arguments = {ARGUMENT[tool]: code} if code else {}
            call = ToolCall(id=f"cell-{number}", function=tool, arguments=arguments)
            state.messages.append(ChatMessageAssistant(content=thought.strip(), tool_calls=[call]))
            state.messages += (await execute_tools(state.messages, agent_tools())).messages
        last = CELL.sub("", session).strip()
        state.output = ModelOutput.from_content("walkthrough", last)
        state.messages.append(state.output.message)
        return state

    return solve


def as_page(log: str) -> str:
    """The transcript of a log as a page of docs/."""
    (sample,) = read_eval_log(log).samples or []
    lines = ["# What does a solved attempt look like?", *INTRODUCTION.splitlines()]
    for message in sample.messages:
        if isinstance(message, ChatMessageAssistant):
            lines += ["", message.text]
            for call in message.tool_calls or []:
                code = call.arguments.get(ARGUMENT.get(call.function, ""), "check_port()")
                lines += ["", f"```{call.function}", code.rstrip(), "```"]
        if isinstance(message, ChatMessageTool):
            lines += ["", "```text", message.text.rstrip() or "(no output)", "```"]
    return "\n".join(lines)


INTRODUCTION = """
A hand-written session, played with the agent's own tools against row 2 of dataset.jsonl, whose original differs from
Llama in two choices. No language model wrote it. It is made by `make walkthrough`; its cells stand in
`baselines/session.md`."""


if __name__ == "__main__":
    print(as_page(sys.argv[1]))
