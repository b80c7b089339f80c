"""Replaces the values that differ between two recordings of a scenario: those in this table and no others.

Text, order, framing, blank lines and header values stay as they are. A value that is generated anew each time
is replaced by a numbered mark, the same for equal values: a transcript still shows which values are equal.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal, TypeAlias

from attrs import define, field, frozen

from codexd.wire import json
from codexd.wire.json import Json

Kind: TypeAlias = Literal["request", "provider", "head", "body"]
"""A part of a transcript: the client's request, the provider's requests, the response's head and body."""

_UUID: Final = re.compile("(?<![0-9a-f])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])")


@frozen(kw_only=True)
class Rule:
    """One kind of value that may differ.

    Attributes:
        mark: the replacement; `#` becomes the value's number, the same for equal values.
        kind: the part in which it is replaced.
        pattern: matches the value alone; its context is in look-arounds.
        reason: why it differs.
        local: values are numbered within each part, not over the whole transcript.
    """

    mark: str
    kind: Kind
    pattern: re.Pattern[str]
    reason: str
    local: bool = False


def _string_member(members: str, value: str) -> re.Pattern[str]:
    """Match the string value of members; within another string their quotes would be escaped."""
    before = "|".join(f'(?<=[{{,]"{member}":")' for member in members.split())
    return re.compile(f'(?:{before}){value}(?=")')


def _number_member(member: str, value: str) -> re.Pattern[str]:
    return re.compile(f'(?<=[{{,]"{member}":){value}(?=[,}}])')


def _missing_id(value: str) -> re.Pattern[str]:
    """Match the id in an error that says that it was not found."""
    return re.compile(f"(?<= with id '){value}(?=' not found)")


def _whole_word(value: str) -> re.Pattern[str]:
    """Match an id that a response gave the client, anywhere in its requests."""
    return re.compile(f"(?<![0-9A-Za-z_]){value}(?![0-9A-Za-z_])")


def _header(name: str, value: str) -> re.Pattern[str]:
    return re.compile(f"(?<=^{name}: ){value}$", re.MULTILINE)


_TIME: Final = '"<time #>"'
_DATE: Final = "[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT"

_RESPONSE: Final = "resp_[0-9a-f]{24}"
_CONVERSATION: Final = "conv_[0-9a-f]{24}"
_ITEM_TOKEN: Final = re.compile("(?<=[a-z]_)[0-9a-f]{24}(?=[0-9a-f]{4}(?![0-9A-Za-z_]))")
"""The token in the id of an item that was sent without one: after the item's kind, before its position."""

RULES: Final = (
    Rule(
        mark="<chatcmpl #>", kind="body", pattern=_string_member("id", "chatcmpl-[0-9a-f]{24}"), reason="a random token"
    ),
    Rule(mark="<cmpl #>", kind="body", pattern=_string_member("id", "cmpl-[0-9a-f]{24}"), reason="a random token"),
    Rule(
        mark="<resp #>",
        kind="body",
        pattern=_string_member("id previous_response_id response_id", _RESPONSE),
        reason="a random token",
    ),
    Rule(mark="<resp #>", kind="body", pattern=_missing_id(_RESPONSE), reason="a random token"),
    Rule(mark="<resp #>", kind="request", pattern=_whole_word(_RESPONSE), reason="given to the client"),
    Rule(mark="<conv #>", kind="body", pattern=_string_member("id", _CONVERSATION), reason="a random token"),
    Rule(mark="<conv #>", kind="body", pattern=_missing_id(_CONVERSATION), reason="a random token"),
    Rule(mark="<conv #>", kind="request", pattern=_whole_word(_CONVERSATION), reason="given to the client"),
    Rule(mark="<token #>", kind="body", pattern=_ITEM_TOKEN, reason="a random token"),
    Rule(mark="<token #>", kind="request", pattern=_ITEM_TOKEN, reason="given to the client"),
    Rule(mark="<token #>", kind="provider", pattern=_ITEM_TOKEN, reason="given to the client, which sends it back"),
    Rule(
        mark=_TIME,
        kind="body",
        pattern=_number_member("created", "[0-9]{10}"),
        reason="when the response began",
        local=True,
    ),
    Rule(
        mark=_TIME,
        kind="body",
        pattern=_number_member("created_at", "[0-9]{10}"),
        reason="when the response began",
        local=True,
    ),
    Rule(
        mark='"<time>"',
        kind="body",
        pattern=_number_member("completed_at", "[0-9]{10}"),
        reason="when the response ended",
    ),
    Rule(mark="<req #>", kind="head", pattern=_header("X-Request-Id", "req_[0-9a-f]{32}"), reason="a random token"),
    Rule(mark="<date>", kind="head", pattern=_header("Date", _DATE), reason="when the response began"),
    Rule(mark="<ms>", kind="head", pattern=_header("Openai-Processing-Ms", "[0-9]+"), reason="time to the first byte"),
    Rule(mark="<uuid #>", kind="provider", pattern=_UUID, reason="new ids of threads and of messages of a history"),
)

OMITTED_MEMBERS: Final[Mapping[str, str]] = {
    "client_metadata": "ids and times of the Codex session and details of the sandbox, in random order",
}
"""Members of the provider's requests that are not recorded, and why."""


@define
class Normaliser:
    """Replaces the values that may differ in the parts of one transcript, given in order."""

    _known: dict[tuple[str, int], dict[str, int]] = field(factory=dict, init=False)
    _parts: int = field(default=0, init=False)

    def apply(self, kind: Kind, text: str) -> str:
        """Return a part with its values replaced."""
        self._parts += 1
        for rule in RULES:
            if kind == rule.kind:
                text = rule.pattern.sub(self._replacer(rule), text)
        return text

    def _replacer(self, rule: Rule) -> Callable[[re.Match[str]], str]:
        scope = (rule.mark, self._parts if rule.local else 0)
        known = self._known.setdefault(scope, {})

        def replace(match: re.Match[str]) -> str:
            number = known.setdefault(match[0], len(known) + 1)
            return rule.mark.replace("#", str(number))

        return replace


def normalise_provider_requests(bodies: Iterable[dict[str, Json]]) -> list[dict[str, Json]]:
    """Return the provider's requests of one exchange, sorted and without OMITTED_MEMBERS.

    Concurrent requests arrive in any order, so they are sorted by content.
    """
    recorded = ({name: value for name, value in body.items() if name not in OMITTED_MEMBERS} for body in bodies)
    return sorted(recorded, key=lambda body: _UUID.sub("", json.encode(body).decode()))
