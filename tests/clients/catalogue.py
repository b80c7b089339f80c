"""The client programs that are run, with the versions that are installed."""

from typing import Final, Literal

from attrs import frozen

Scenario = Literal["chat", "stream", "tools", "turns", "error", "cancel"]
SCENARIOS: Final[tuple[Scenario, ...]] = ("chat", "stream", "tools", "turns", "error", "cancel")


@frozen(kw_only=True)
class Client:
    """One client program.

    Attributes:
        name: as its users know it.
        slug: the name of its driver in `drivers/`, without suffix, and of the folder that it is installed in.
        language: `python` packages come from PyPI, `node` packages from npm.
        packages: what is installed, with versions.
        endpoint: the endpoint that it calls.
        without: the scenarios that it has no form for, each with the reason.
    """

    name: str
    slug: str
    language: Literal["python", "node"]
    packages: tuple[str, ...]
    endpoint: Literal["chat", "responses", "both"]
    without: tuple[tuple[Scenario, str], ...] = ()


_NODE: Final = "node@22.23.3"

CLIENTS: Final = (
    Client(
        name="OpenAI SDK (Python)",
        slug="openai_python",
        language="python",
        packages=("openai==3.57.0",),
        endpoint="both",
    ),
    Client(
        name="LangChain (Python)",
        slug="langchain_python",
        language="python",
        packages=("langchain-openai==1.7.4",),
        endpoint="chat",
    ),
    Client(
        name="LlamaIndex",
        slug="llama_index",
        language="python",
        packages=("llama-index-llms-openai-like==0.8.1",),
        endpoint="chat",
    ),
    Client(
        name="LiteLLM",
        slug="litellm",
        language="python",
        packages=("litellm==1.110.2",),
        endpoint="chat",
    ),
    Client(
        name="pydantic-ai",
        slug="pydantic_ai",
        language="python",
        packages=("pydantic-ai-slim[openai]==2.68.0",),
        endpoint="both",
    ),
    Client(
        name="OpenAI Agents (Python)",
        slug="agents_python",
        language="python",
        packages=("openai-agents==0.24.0",),
        endpoint="responses",
    ),
    Client(
        name="smolagents",
        slug="smolagents",
        language="python",
        packages=("smolagents[openai]==1.26.0",),
        endpoint="chat",
    ),
    Client(
        name="llm",
        slug="llm",
        language="python",
        packages=("llm==0.36",),
        endpoint="chat",
    ),
    Client(
        name="shell-gpt",
        slug="shell_gpt",
        language="python",
        packages=("shell-gpt==1.5.1", "click==8.1.8"),
        endpoint="chat",
        without=(("tools", "its functions are files of its user's home"),),
    ),
    Client(
        name="aider",
        slug="aider",
        language="python",
        packages=("aider-chat==0.86.2",),
        endpoint="chat",
        without=(("tools", "it reads edits from the text"),),
    ),
    Client(
        name="OpenAI SDK (JavaScript)",
        slug="openai_node",
        language="node",
        packages=(_NODE, "openai@7.59.0"),
        endpoint="both",
    ),
    Client(
        name="AI SDK",
        slug="ai_sdk",
        language="node",
        packages=(_NODE, "ai@7.0.173", "@ai-sdk/openai@4.0.118", "@ai-sdk/openai-compatible@3.0.92", "zod@4.6.7"),
        endpoint="both",
    ),
    Client(
        name="LangChain (JavaScript)",
        slug="langchain_node",
        language="node",
        packages=(_NODE, "@langchain/openai@1.6.0", "@langchain/core@1.4.0", "zod@4.6.7"),
        endpoint="chat",
    ),
    Client(
        name="OpenAI Agents (JavaScript)",
        slug="agents_node",
        language="node",
        packages=(_NODE, "@openai/agents@0.20.0", "zod@4.6.7"),
        endpoint="responses",
    ),
    Client(
        name="Mastra",
        slug="mastra",
        language="node",
        packages=(_NODE, "@mastra/core@1.71.0", "@ai-sdk/openai-compatible@3.0.92", "zod@4.6.7"),
        endpoint="chat",
    ),
    Client(
        name="opencode",
        slug="opencode",
        language="node",
        packages=("opencode-ai@1.18.33",),
        endpoint="chat",
    ),
    Client(
        name="Codex CLI",
        slug="codex_cli",
        language="node",
        packages=("@openai/codex@0.171.0",),
        endpoint="responses",
    ),
)
