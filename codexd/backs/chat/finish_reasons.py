"""What the finish reasons of Chat Completions servers mean.

OpenAI defines `stop`, `length`, `tool_calls`, `function_call` and `content_filter`. Other servers pass on the
words of their engines (vLLM, SGLang, llama.cpp, TGI) or of the APIs behind them (Anthropic, Gemini, Bedrock,
Cohere, Mistral, Zhipu). The words are compared without case and punctuation. A word that is in no family is a
failure: the response may have been cut, and must not be shown as complete.
"""

import re
from typing import Final

from attrs import evolve

from codexd.neutral.event import Finish
from codexd.neutral.fault import Fault, fault

_MAX_CHARS: Final = 60
"""How many characters of a finish reason are shown and logged."""

_CALLS: Final = ("function_call", "function_calls", "tool", "tool_call", "tool_calls", "tool_use", "tools")
_NATURAL: Final = (
    *_CALLS,
    *("complete", "completed", "done", "end", "end_of_sequence", "end_of_text", "end_of_turn", "end_turn"),
    *("eos", "eos_found", "eos_token", "finish", "finished", "natural", "normal", "stop", "stop_sequence"),
    *("stop_str", "stop_string", "stop_token", "stop_word", "stopped", "stop_criteria_met", "success"),
)
_LIMITS: Final = (
    *("context_length", "context_length_exceeded", "context_limit", "context_window", "context_window_exceeded"),
    *("length", "limit", "max_completion_tokens", "max_length", "max_new_tokens", "max_output_tokens", "max_tokens"),
    *("model_context_window_exceeded", "model_length", "out_of_tokens", "token_limit", "token_limit_reached"),
)
_FILTERS: Final = (
    *("blocked", "blocklist", "content_blocked", "content_filter", "content_filtered", "content_moderation"),
    *("content_policy", "content_policy_violation", "error_toxic", "filter", "filtered", "guardrail_intervened"),
    *("guardrails", "image_prohibited_content", "image_recitation", "image_safety", "moderation"),
    *("policy_violation", "prohibited_content", "recitation", "refusal", "safety", "sensitive", "spii"),
)
_OVERLOADS: Final = ("insufficient_system_resource", "overloaded", "server_overloaded")
_NONE: Final = ("", "none", "null", "unspecified")
"""The words of servers that send a text instead of null while the response continues."""

_FAILURE: Final = re.compile(
    r"abort|cancel|crash|disconnect|error|exception|exhaust|fail|kill|malformed|time_?out", re.I
)
"""The native finish reasons that contradict a `stop`; others may be in any provider's words."""


def _normalise(word: str) -> str:
    return re.sub(r"[^a-z0-9]", "", word.lower()).removeprefix("finishreason")


_FAMILIES: Final[tuple[tuple[Finish, tuple[str, ...]], ...]] = (
    ("stop", _NATURAL),
    ("length", _LIMITS),
    ("content_filter", _FILTERS),
)
_FINISHES: Final = {_normalise(word): finish for finish, words in _FAMILIES for word in words}
_CALL_WORDS: Final = frozenset(map(_normalise, _CALLS))
_OVERLOAD_WORDS: Final = frozenset(map(_normalise, _OVERLOADS))
_NO_WORDS: Final = frozenset(map(_normalise, _NONE))
_RANKS: Final[dict[Finish | None, int]] = {None: 0, "stop": 1, "length": 2, "content_filter": 3}


def is_reason(word: str) -> bool:
    """Return whether a text in the place of the finish reason is one, and not another spelling of null."""
    return _normalise(word) not in _NO_WORDS


def classify(reason: str, native: str = "") -> Finish | Fault:
    """Return the finish of a response, or the Fault of one that failed.

    Args:
        reason: the finish reason.
        native: the provider's own finish reason beside it (OpenRouter), which is the more exact one.
    """
    # Gemini adds its own word: `content_filter: RECITATION`.
    finish = _FINISHES.get(_normalise(reason)) or _FINISHES.get(_normalise(reason.partition(":")[0]))
    if finish is None:
        return _build_fault(reason)
    word = _normalise(native)
    own = _FINISHES.get(word)
    if own is None and (word in _OVERLOAD_WORDS or _FAILURE.search(native)):
        return _build_fault(native)
    return later(finish, own)


def later(finish: Finish | None, other: Finish | None) -> Finish:
    """Return the finish of a response with two finish reasons: a response that was cut once is not complete."""
    worse = finish if _RANKS[finish] >= _RANKS[other] else other
    return worse or "stop"


def announces_calls(reason: str) -> bool:
    """Return whether the finish reason says that the response has tool calls."""
    return _normalise(reason) in _CALL_WORDS


def _build_fault(reason: str) -> Fault:
    shown = re.sub(r"[^\w.:/ -]", "_", reason, flags=re.ASCII)[:_MAX_CHARS]
    overloaded = _normalise(reason) in _OVERLOAD_WORDS
    found = (
        fault("overloaded")
        if overloaded
        else fault("model_failed", f"The model's provider ended the response with the finish reason '{shown}'.")
    )
    return evolve(found, note=f"finish_reason={shown}")
