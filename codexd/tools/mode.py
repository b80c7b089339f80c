"""In which form a client is given tool calls: structured as OpenAI has them, or as text."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from attrs import Factory, frozen

from codexd.neutral.fault import Refused, fault

OutputMode = Literal["openai-json", "obsidian-xml"]

HEADERS: Final = ("x-codexd-output-mode", "x-proxy-output-mode")
"""The request headers that choose, the stronger first; the second is the predecessor's."""

_SPELLINGS: Final[dict[str, OutputMode]] = {
    "openai-json": "openai-json",
    "openai": "openai-json",
    "obsidian-xml": "obsidian-xml",
    "obsidian": "obsidian-xml",
}


@frozen
class Modes:
    """What was configured.

    Attributes:
        default: for everybody else.
        keys: by principal (`codexd.policy.auth.Principal.id`), never by key.
    """

    default: OutputMode = "openai-json"
    keys: Mapping[str, OutputMode] = Factory(dict)

    @classmethod
    def of(cls, default: OutputMode, keys: Iterable[str]) -> "Modes":
        """Read the settings `tools.output_mode` and `tools.key_output_modes`, which were checked."""
        pairs = (entry.partition("=") for entry in keys)
        return cls(default, {principal: _SPELLINGS[mode] for principal, _, mode in pairs})

    def choose(self, headers: Sequence[str | None], principal: str) -> OutputMode:
        """Give the mode of a request: its header's, else its key's, else the default.

        Args:
            headers: the values of HEADERS; what is None or empty chooses nothing.
            principal: whose request it is.

        Raises:
            Refused: `wrong_value`, naming the header, for what is no mode.
        """
        for name, value in zip(HEADERS, headers, strict=True):
            if value and value.strip():
                return _read(name, value)
        return self.keys.get(principal, self.default)


def _read(name: str, value: str) -> OutputMode:
    mode = _SPELLINGS.get(value.strip().lower().replace("_", "-"))
    if mode is None:
        message = f"Invalid value for the header '{name}': expected 'openai-json' or 'obsidian-xml'."
        raise Refused(fault("wrong_value", message, param=name))
    return mode
