"""What may differ between two recordings of the same thing: this table, and nothing else.

Text, order, framing, blank lines and header values stay as they are. A name that is made up anew each time is
replaced by a numbered one, the same for the same name: a transcript still shows which are equal.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal, TypeAlias

from attrs import define, field, frozen

from codexd.wire import json
from codexd.wire.json import Json

Kind: TypeAlias = Literal["request", "provider", "head", "body"]
"""A piece of a transcript: what the client sends, what the provider is asked, the response's two parts."""

_UUID: Final = re.compile("(?<![0-9a-f])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])")


@frozen
class Rule:
    """One thing that may differ.

    Attributes:
        mark: what stands in its place; a `#` is the value's number, the same for equal values.
        kind: where it is looked for.
        pattern: the value alone; what makes it this value stands in look-arounds.
        reason: why it differs.
        local: values are numbered in each piece for itself, not over the whole transcript.
    """

    mark: str
    kind: Kind
    pattern: re.Pattern[str]
    reason: str
    local: bool = False


def _text(members: str, value: str) -> re.Pattern[str]:
    """Members that are a text. Inside another text their quotes would be escaped."""
    before = "|".join(f'(?<=[{{,]"{member}":")' for member in members.split())
    return re.compile(f'(?:{before}){value}(?=")')


def _number(member: str, value: str) -> re.Pattern[str]:
    return re.compile(f'(?<=[{{,]"{member}":){value}(?=[,}}])')


def _named(value: str) -> re.Pattern[str]:
    """What an error says that it did not find."""
    return re.compile(f"(?<= with id '){value}(?=' not found)")


def _word(value: str) -> re.Pattern[str]:
    """An id that the client was given, wherever it says it."""
    return re.compile(f"(?<![0-9A-Za-z_]){value}(?![0-9A-Za-z_])")


def _header(name: str, value: str) -> re.Pattern[str]:
    return re.compile(f"(?<=^{name}: ){value}$", re.MULTILINE)


_TIME: Final = '"<time #>"'
_DATE: Final = "[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT"

_RESPONSE: Final = "resp_[0-9a-f]{24}"
_CONVERSATION: Final = "conv_[0-9a-f]{24}"
_KEPT: Final = re.compile("(?<=[a-z]_)[0-9a-f]{24}(?=[0-9a-f]{4}(?![0-9A-Za-z_]))")
"""The token in the id of an item that came without one; before it the item's kind, after it its place."""

RULES: Final = (
    Rule("<chatcmpl #>", "body", _text("id", "chatcmpl-[0-9a-f]{24}"), "a random token"),
    Rule("<cmpl #>", "body", _text("id", "cmpl-[0-9a-f]{24}"), "a random token"),
    Rule("<resp #>", "body", _text("id previous_response_id response_id", _RESPONSE), "a random token"),
    Rule("<resp #>", "body", _named(_RESPONSE), "a random token"),
    Rule("<resp #>", "request", _word(_RESPONSE), "what the client was given"),
    Rule("<conv #>", "body", _text("id", _CONVERSATION), "a random token"),
    Rule("<conv #>", "body", _named(_CONVERSATION), "a random token"),
    Rule("<conv #>", "request", _word(_CONVERSATION), "what the client was given"),
    Rule("<token #>", "body", _KEPT, "a random token"),
    Rule("<token #>", "request", _KEPT, "what the client was given"),
    Rule("<token #>", "provider", _KEPT, "what the client was given, and sent back"),
    Rule(_TIME, "body", _number("created", "[0-9]{10}"), "when the answer began", local=True),
    Rule(_TIME, "body", _number("created_at", "[0-9]{10}"), "when the answer began", local=True),
    Rule('"<time>"', "body", _number("completed_at", "[0-9]{10}"), "when the answer ended"),
    Rule("<req #>", "head", _header("X-Request-Id", "req_[0-9a-f]{32}"), "a random token"),
    Rule("<date>", "head", _header("Date", _DATE), "when the answer began"),
    Rule("<ms>", "head", _header("Openai-Processing-Ms", "[0-9]+"), "how long it took to begin"),
    Rule("<uuid #>", "provider", _UUID, "Codex names threads and messages of a history anew"),
)

LEFT_OUT: Final[Mapping[str, str]] = {
    "client_metadata": "ids and times of Codex's session and this machine's sandbox, in random order",
}
"""Members of the provider's request that are not recorded, and why."""


@define
class Normaliser:
    """Replaces what may differ in the pieces of one transcript, in the order in which they are given."""

    _known: dict[tuple[str, int], dict[str, int]] = field(factory=dict, init=False)
    _pieces: int = field(default=0, init=False)

    def apply(self, kind: Kind, text: str) -> str:
        """Give a piece with what may differ replaced."""
        self._pieces += 1
        for rule in RULES:
            if kind == rule.kind:
                text = rule.pattern.sub(self._replacing(rule), text)
        return text

    def _replacing(self, rule: Rule) -> Callable[[re.Match[str]], str]:
        scope = (rule.mark, self._pieces if rule.local else 0)
        known = self._known.setdefault(scope, {})

        def replace(found: re.Match[str]) -> str:
            number = known.setdefault(found[0], len(known) + 1)
            return rule.mark.replace("#", str(number))

        return replace


def asked(bodies: Iterable[dict[str, Json]]) -> list[dict[str, Json]]:
    """Give the provider's requests of one exchange without what is left out.

    What is asked for at the same time comes in any order: here it is that of what is said.
    """
    kept = ({name: value for name, value in body.items() if name not in LEFT_OUT} for body in bodies)
    return sorted(kept, key=lambda body: _UUID.sub("", json.encode(body).decode()))
