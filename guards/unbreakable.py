"""Nothing that a model says breaks its sample or the run: it is told what was wrong, and goes on."""

import json
from functools import wraps

from inspect_ai.agent import Agent, AgentState, agent
from inspect_ai.model import ModelOutput, get_model
from inspect_ai.tool import Tool, ToolError, tool_with

SECONDS = 300  # for a tool call


def unbreakable(tool: Tool) -> Tool:
    """The tool, one call at a time; the model is told every exception. Inspect tells only some: a
    command that is longer than the host's limit, for one, would end the sample."""

    @wraps(tool)
    async def execute(**arguments):
        try:
            return await tool(**arguments)
        except TimeoutError as error:
            said = getattr(error, "truncated_output", None) or ""
            raise ToolError(f"{said[-2000:]}\nstopped after {SECONDS} seconds") from error
        except Exception as error:
            raise ToolError(f"{type(error).__name__}: {error}"[:2000]) from error

    return tool_with(execute, parallel=False)


@agent
def answers() -> Agent:
    """The model's next message. Lone surrogates, which neither log nor service takes, are U+FFFD. A
    message that is missing or cannot be read (arguments that are no JSON, NaN, nested too deep) is
    a refusal; three in a row end the attempt."""

    async def execute(state: AgentState, tools: list[Tool]) -> AgentState:
        try:
            output = await get_model().generate(state.messages, tools)
            text = json.dumps(output.model_dump(), ensure_ascii=False, allow_nan=False)
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            state.output = ModelOutput.model_validate_json(text)
            message = state.output.message
        except (ValueError, IndexError, RecursionError) as error:
            said = f"(a message that could not be read: {error})"[:2000]
            state.output = ModelOutput.from_content(str(get_model()), said, "content_filter")
            message = state.output.message
        state.messages.append(message)
        return state

    return execute
