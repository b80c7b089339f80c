"""The form in which a client receives tool calls: structured as in OpenAI's API, or as text."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from attrs import Factory

from codexd.neutral.fault import FaultError, fault
from codexd.neutral.records import frozen

OutputMode = Literal["openai-json", "obsidian-xml"]

HEADERS: Final = ("x-codexd-output-mode", "x-proxy-output-mode")
"""The request headers that select the mode, by priority; the second is the predecessor's."""

_SPELLINGS: Final[dict[str, OutputMode]] = {
    "openai-json": "openai-json",
    "openai": "openai-json",
    "obsidian-xml": "obsidian-xml",
    "obsidian": "obsidian-xml",
}


@frozen
class OutputModes:
    """The configured output modes.

    Attributes:
        default: the mode without a more specific one.
        keys: the modes by principal (`codexd.policy.auth.Principal.id`), never by key.
    """

    default: OutputMode = "openai-json"
    keys: Mapping[str, OutputMode] = Factory(dict)

    @classmethod
    def from_settings(cls, default: OutputMode, keys: Iterable[str]) -> "OutputModes":
        """Build it from the validated settings `tools.output_mode` and `tools.key_output_modes`."""
        pairs = (entry.partition("=") for entry in keys)
        return cls(default, {principal: _SPELLINGS[mode] for principal, _, mode in pairs})

    def choose(self, headers: Sequence[str | None], principal: str, of_key: OutputMode | None = None) -> OutputMode:
        """Return the mode of a request: that of its header, else of its key, else the default.

        Args:
            headers: the values of HEADERS; None and blank values are skipped.
            principal: the principal of the request.
            of_key: the mode of its key's policy, which has precedence over `keys`.

        Raises:
            FaultError: `wrong_value`, with the header as `param`, if the value is not a mode.
        """
        for name, value in zip(HEADERS, headers, strict=True):
            if value and value.strip():
                return _parse_mode(name, value)
        return of_key or self.keys.get(principal, self.default)


def _parse_mode(name: str, value: str) -> OutputMode:
    mode = _SPELLINGS.get(value.strip().lower().replace("_", "-"))
    if mode is None:
        message = f"Invalid value for the header '{name}': expected 'openai-json' or 'obsidian-xml'."
        raise FaultError(fault("wrong_value", message, param=name))
    return mode
