"""A tiny model for llama.cpp, generated without weights: a table of the probability of each token after each.

It is a llama with one layer that adds nothing, so that the last token alone determines the next. It emits a
thought, then random words; with tools it calls `get_weather`, sometimes `get_time`, once or several times.
"""

from itertools import pairwise
from random import Random
from typing import Final

from tests.support.gguf import Scalar, Tensor, file, floats

WEATHER: Final = ("get_weather", '{"city": "Paris"}')
TIME: Final = ("get_time", '{"zone": "Europe/Paris"}')
THOUGHT: Final = "hm I could look it up"

_WIDTH: Final = 512
_NEVER: Final = -30.0
_END: Final = "<|im_end|>"
_CONTROL: Final = ("<unk>", "<s>", "</s>", "<|im_start|>", _END, "<|act|>", "<|talk|>")
_BYTES: Final = tuple(f"<0x{byte:02X}>" for byte in range(256))
_THOUGHT: Final = ("<think>", "hm", " I", " could", " look", " it", " up", "</think>", "\n\n")
_LEAD: Final = ("Let", " me", "<tool_call>")
_WEATHER: Final = (
    '\n{"',
    'name": "',
    "get_",
    "weather",
    '", "arg',
    'uments": ',
    '{"ci',
    'ty": "',
    "Par",
    "is",
)
_TIME: Final = ('\n{"name', '": "get', "_time", '", "', 'arguments":', ' {"zone": ', '"Europe', "/Paris")
_ENDS: Final = ('"}}\n', '"} }\n', "</tool_call>", "\n")
_WORDS: Final = (
    *(
        " the",
        " a",
        " cat",
        " dog",
        " sees",
        " finds",
        " and",
        " then",
        " quickly",
        " small",
        " red",
        " bird",
    ),
    *(" über", " 猫", " 🎉", ".", ",", " sleeps", " under", " house"),
)
_VOCABULARY: Final = (*_CONTROL, *_BYTES, *_THOUGHT, *_LEAD, *_WEATHER, *_TIME, *_ENDS, *_WORDS)
_AT: Final = {token: index for index, token in enumerate(_VOCABULARY)}

# The template of Hermes and Qwen, which llama.cpp knows; the last token tells whether there are tools.
_TEMPLATE: Final = r"""
{%- if tools %}
{{- '<|im_start|>system\n' }}
{%- if messages[0].role == 'system' %}{{- messages[0].content + '\n\n' }}{%- endif %}
{{- '# Tools\n\nYou may call:\n<tools>' }}
{%- for tool in tools %}{{- '\n' }}{{- tool | tojson }}{%- endfor %}
{{- '\n</tools>\n\nFor each call write:\n' }}
{{- '<tool_call>\n{"name": <name>, "arguments": <object>}\n</tool_call><|im_end|>\n' }}
{%- elif messages[0].role == 'system' %}
{{- '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}
{%- endif %}
{%- for message in messages %}
{%- if message.role == 'user' or (message.role == 'system' and not loop.first) %}
{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
{%- elif message.role == 'assistant' %}
{{- '<|im_start|>assistant\n' }}
{%- if message.reasoning_content %}
{{- '<think>\n' + message.reasoning_content + '\n</think>\n\n' }}
{%- endif %}
{%- if message.content %}{{- message.content }}{%- endif %}
{%- if message.tool_calls %}
{%- for tool_call in message.tool_calls %}
{%- if tool_call.function %}{%- set tool_call = tool_call.function %}{%- endif %}
{{- '\n<tool_call>\n{"name": "' + tool_call.name + '", "arguments": ' }}
{{- tool_call.arguments | tojson }}{{- '}\n</tool_call>' }}
{%- endfor %}
{%- endif %}
{{- '<|im_end|>\n' }}
{%- elif message.role == 'tool' %}
{{- '<|im_start|>user\n<tool_response>\n' + message.content + '\n</tool_response><|im_end|>\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\n' }}
{%- if tools and messages[-1].role != 'tool' %}{{- '<|act|>' }}{%- else %}{{- '<|talk|>' }}{%- endif %}
{%- endif %}
"""


def _table() -> list[list[float]]:
    """Return the logarithm of the probability of each token after each."""
    table = [[_NEVER] * len(_VOCABULARY) for _ in _VOCABULARY]
    chance = Random(7)
    for token in ("\n\n", *_WORDS):
        for word in _WORDS:
            table[_AT[token]][_AT[word]] = chance.gauss(0, 1)
        table[_AT[token]][_AT[_END]] = 0.3 if token in _WORDS else _NEVER
    for token in _BYTES:
        # Only a grammar makes the model use these: text that soon ends.
        for character in range(32, 127):
            table[_AT[token]][_AT[_BYTES[character]]] = 6.0 if chr(character) in '"},]' else chance.gauss(-2, 1)
        table[_AT[token]][_AT[_END]] = 9.0
    for chain in (
        ("<|talk|>", *_THOUGHT),
        ("<|act|>", *_LEAD, *_WEATHER, '"}}\n', "</tool_call>"),
        (*_TIME, '"} }\n', "</tool_call>"),
        ("\n", "<tool_call>"),
    ):
        for before, after in pairwise(chain):
            table[_AT[before]][_AT[after]] = 12.0
    for before, after, weight in (
        ("<tool_call>", '\n{"name', 11.0),
        ("</tool_call>", "\n", 1.0),
        ("</tool_call>", _END, 1.0),
    ):
        table[_AT[before]][_AT[after]] = weight
    return table


def _kind(token: str) -> int:
    """Return llama.cpp's type of a token: unknown (2), control (3), user-defined (4) or byte (6)."""
    if token == "<unk>":
        return 2
    return 3 if token in _CONTROL else 6 if token in _BYTES else 4


def model(context: int = 1024) -> bytes:
    """Encode the model as a GGUF file.

    Args:
        context: the context window, in tokens.
    """
    tokens = len(_VOCABULARY)
    metadata: dict[str, Scalar | list[Scalar]] = {
        "general.architecture": "llama",
        "general.name": "tiny-model",
        "general.file_type": 0,
        "llama.context_length": context,
        "llama.embedding_length": _WIDTH,
        "llama.block_count": 1,
        "llama.feed_forward_length": 32,
        "llama.attention.head_count": 8,
        "llama.attention.head_count_kv": 8,
        "llama.attention.layer_norm_rms_epsilon": 1e-6,
        "llama.rope.dimension_count": _WIDTH // 8,
        "llama.vocab_size": tokens,
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": list(_VOCABULARY),
        "tokenizer.ggml.scores": [0.0] * tokens,
        "tokenizer.ggml.token_type": [_kind(token) for token in _VOCABULARY],
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": _AT[_END],
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.ggml.add_space_prefix": False,
        "tokenizer.chat_template": _TEMPLATE,
    }
    return file(metadata, _tensors(_table()))


def _tensors(table: list[list[float]]) -> dict[str, Tensor]:
    tokens = len(table)
    ones = floats([1.0] * _WIDTH)
    places = b"".join(floats([1.0]).rjust(4 * (place + 1), b"\0").ljust(4 * _WIDTH, b"\0") for place in range(tokens))
    # The norm turns a 1 of the embedding into the square root of its width.
    scale = _WIDTH**-0.5
    after = b"".join(floats(scale * row[place] for row in table).ljust(4 * _WIDTH, b"\0") for place in range(tokens))
    square = Tensor((_WIDTH, _WIDTH))
    return {
        "token_embd.weight": Tensor((_WIDTH, tokens), places),
        "output.weight": Tensor((_WIDTH, tokens), after),
        "output_norm.weight": Tensor((_WIDTH,), ones),
        "blk.0.attn_norm.weight": Tensor((_WIDTH,), ones),
        "blk.0.ffn_norm.weight": Tensor((_WIDTH,), ones),
        **{f"blk.0.attn_{name}.weight": square for name in ("q", "k", "v", "output")},
        "blk.0.ffn_gate.weight": Tensor((_WIDTH, 32)),
        "blk.0.ffn_up.weight": Tensor((_WIDTH, 32)),
        "blk.0.ffn_down.weight": Tensor((32, _WIDTH)),
    }
