"""What common Chat Completions servers accept: the defaults that `kind` in `[[upstream]]` selects.

Each preset maps settings of `Upstream` to values. It contains only what differs from the defaults of that class;
a setting in the configuration file takes precedence. The facts are from the documentation and the source code of
the servers; docs/servers.md has the same table for users.
"""

from collections.abc import Mapping
from typing import Any, Final

Preset = Mapping[str, Any]
"""Values by the name of a setting, as TOML represents them."""

_UP_TO_HIGH: Final = ["minimal=low", "xhigh=high", "max=high", "ultra=high"]
_UP_TO_XHIGH: Final = ["max=xhigh", "ultra=xhigh"]

_OPENAI: Final[Preset] = {
    "token_limit_field": "max_completion_tokens",
    "developer_role": True,
    "system_messages": "separate",
    "effort_names": _UP_TO_XHIGH,
    "audio": True,
    "files": True,
    "state_fields": [],
}

PRESETS: Final[Mapping[str, Preset]] = {
    "other": {},
    "openai": {**_OPENAI, "custom_tools": True},
    # The key is sent in a header of its own. Custom tools are documented for its Responses API only.
    "azure": {**_OPENAI, "key_header": "api-key"},
    # Other fields are ignored, so that the client must be told.
    "ollama": {
        "reasoning_field": "reasoning",
        "effort_names": _UP_TO_HIGH,
        "omit_fields": ["tool_choice", "parallel_tool_calls", "logit_bias", "service_tier", "verbosity", "user"],
        "strict": False,
        # It rejects images by URL.
        "inline_images": True,
        "state_fields": [],
    },
    # `reasoning_effort` also sets `enable_thinking` of the chat template. `max_tokens` is deprecated.
    "vllm": {
        "token_limit_field": "max_completion_tokens",
        "reasoning_field": "reasoning",
        "pass_unknown_fields": True,
        "effort_names": ["ultra=max"],
        "strict": False,
        "state_fields": [],
    },
    # Both variables go to the chat template, which ignores those that it does not use.
    "llama.cpp": {
        "reasoning_field": "reasoning_content",
        "effort_form": "chat_template_kwargs",
        "pass_unknown_fields": True,
        "strict": False,
        "state_fields": [],
    },
    # Tool calls in thinking mode need the reasoning of the same exchange back.
    "deepseek": {
        "reasoning_field": "reasoning_content",
        "effort_form": "thinking",
        "effort_names": ["minimal=low", "medium=high", "xhigh=high", "ultra=max"],
        "omit_fields": [
            "seed",
            "logit_bias",
            "parallel_tool_calls",
            "service_tier",
            "verbosity",
            "prediction",
            "prompt_cache_key",
            "safety_identifier",
        ],
        "strict": False,
        "state_fields": [],
    },
    "openrouter": {
        "reasoning_field": "reasoning",
        "effort_form": "reasoning",
        "effort_names": _UP_TO_XHIGH,
        "pass_unknown_fields": True,
        "audio": True,
        "files": True,
        "state_fields": ["reasoning_details", "extra_content"],
    },
    # It rejects every field that it does not know with a 422, also in messages.
    "mistral": {
        "rename_fields": ["seed=random_seed"],
        "stream_options": False,
        "merge_messages": True,
        "tool_call_ids": "9-alphanumeric",
        "reasoning_field": "thinking_part",
        "effort_names": ["minimal=none", "low=high", "medium=high", "xhigh=high", "max=high", "ultra=high"],
        "omit_fields": [
            "logprobs",
            "top_logprobs",
            "logit_bias",
            "service_tier",
            "verbosity",
            "user",
            "prompt_cache_key",
            "safety_identifier",
        ],
        "state_fields": [],
    },
    # It rejects fields that it does not know with a 400. Its models need their thought signatures back.
    "gemini": {
        "effort_names": _UP_TO_HIGH,
        "omit_fields": [
            "seed",
            "logit_bias",
            "frequency_penalty",
            "presence_penalty",
            "logprobs",
            "top_logprobs",
            "parallel_tool_calls",
            "service_tier",
            "verbosity",
            "prediction",
            "user",
            "prompt_cache_key",
            "safety_identifier",
        ],
        "strict": False,
        "state_fields": ["extra_content"],
    },
}
"""The preset of each kind, by the name of the kind."""


def apply_preset(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return an `[[upstream]]` table with the values of its kind added; values of the table take precedence.

    A table whose kind is unknown is returned unchanged: checking the types reports that.
    """
    kind = table.get("kind")
    return {**PRESETS.get(kind if isinstance(kind, str) else "", {}), **table}
