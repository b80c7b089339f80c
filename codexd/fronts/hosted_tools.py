"""Hosted tools, which OpenAI runs or defines: web_search, file_search, shell ...

All dialects share one rule: a web search is offered to the model as the provider's own; any other hosted tool
is dropped and listed as ignored, or rejected by name (setting `responses.hosted_tools`).
"""

import re
from collections.abc import Collection
from typing import Final, Literal, cast

from attrs import Factory, define

from codexd.fronts import parameters
from codexd.fronts.json_fields import Fields, raise_wrong_type, raise_wrong_value
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.turn import ToolChoice, UserLocation, WebSearch

_OWN: Final = ("function", "custom")
_CHOICES: Final = (*_OWN, "allowed_tools")
_SEARCH: Final = re.compile(r"web_search(?:_preview)?(?:_[0-9_]{1,16})?")
_PLAIN: Final = re.compile(r"[a-z0-9_]{1,64}")
_SIZES: Final = ("low", "medium", "high")
_DOMAINS: Final = 100
"""The maximum number of domains that a search can be limited to (OpenAI)."""


@define
class HostedTools:
    """Collects the hosted tools of one request.

    Attributes:
        drop: drop unsupported tools instead of rejecting the request.
        search: the web search to offer.
        ignored: the paths of the dropped tools, each with its type if that is a plain name.
    """

    drop: bool
    search: WebSearch | None = None
    ignored: list[str] = Factory(list)

    def add(self, tool: Fields) -> None:
        """Parse a hosted tool in `tools`.

        Raises:
            FaultError: `hosted_tool` for an unsupported one.
        """
        if _is_search(tool):
            self.search = _search(tool)
        else:
            self._drop_or_reject(tool)

    def add_search_options(self, fields: Fields) -> None:
        """Parse Chat's `web_search_options`, whose presence offers the search."""
        asked = fields.object("web_search_options")
        if asked is not None:
            self.search = _search(asked)

    def parse_tool_choice(self, fields: Fields, declared: Collection[str]) -> ToolChoice:
        """Parse `tool_choice`; a search that it does not allow is not offered.

        A choice that only dropped tools could meet is dropped with them. One that allows only hosted tools
        offers none of the client's own.

        Args:
            fields: the body.
            declared: the names of the client's own tools.

        Raises:
            FaultError: `hosted_tool` when it names an unsupported tool, or a search, which cannot be forced;
                otherwise as `parameters.parse_tool_choice`.
        """
        asked = fields.required_object("tool_choice") if isinstance(fields.raw("tool_choice"), dict) else None
        if asked is not None and asked.required_text("type") not in _CHOICES:
            self._drop_or_reject(asked)
            return ToolChoice()
        if self._requires_dropped_tool(fields, declared):
            self.ignored.append("tool_choice")
            return ToolChoice()
        search_allowed = asked is not None and self._check_allowed_tools(asked)
        if asked is not None and self.drop and _allows_only_hosted(asked):
            self.search = self.search if search_allowed else None
            return ToolChoice("none")
        choice = parameters.parse_tool_choice(fields, declared)
        if choice.mode == "none" or (choice.names and not search_allowed):
            self.search = None
        return choice

    def _requires_dropped_tool(self, fields: Fields, declared: Collection[str]) -> bool:
        """Return whether a call is required, but all that was offered is hosted: nothing is left to call."""
        hosted = self.search is not None or bool(self.ignored)
        return self.drop and hosted and not declared and fields.raw("tool_choice") == "required"

    def _check_allowed_tools(self, asked: Fields) -> bool:
        """Check the hosted tools of `allowed_tools`, if present; return whether a search is among them."""
        body = asked.object("allowed_tools") or asked
        others = [one for one in body.objects("tools") if one.required_text("type") not in _OWN]
        for one in others:
            if not _is_search(one):
                self._drop_or_reject(one)
        return any(map(_is_search, others))

    def _drop_or_reject(self, tool: Fields) -> None:
        kind = tool.required_text("type")
        named = f" '{kind}'" if _PLAIN.fullmatch(kind) else ""
        if not self.drop:
            message = _FORCED if _is_search(tool) else f"This server cannot run the tool{named}. {_INSTEAD}"
            raise FaultError(fault("hosted_tool", message, param=tool.at("type")))
        self.ignored.append(f"{tool.path} ({kind})" if named else tool.path)


_INSTEAD: Final = (
    "Use functions or custom tools instead, or set responses.hosted_tools to 'drop' on the server to ignore such tools."
)
_FORCED: Final = "A web search cannot be forced; offer it in 'tools', and the model may use it."


def _allows_only_hosted(asked: Fields) -> bool:
    if asked.raw("type") != "allowed_tools":
        return False
    tools = (asked.object("allowed_tools") or asked).objects("tools")
    return bool(tools) and all(one.required_text("type") not in _OWN for one in tools)


def _is_search(tool: Fields) -> bool:
    return _SEARCH.fullmatch(tool.required_text("type")) is not None


def _search(tool: Fields) -> WebSearch:
    size = cast(Literal["low", "medium", "high"] | None, tool.choice("search_context_size", _SIZES))
    return WebSearch(size, _domains(tool), _location(tool), tool.flag("external_web_access", True))


def _domains(tool: Fields) -> tuple[str, ...]:
    filters = tool.object("filters") or Fields({}, tool.at("filters"))
    domains = filters.array("allowed_domains") or []
    where = filters.at("allowed_domains")
    if len(domains) > _DOMAINS:
        raise_wrong_value(where, f"expected at most {_DOMAINS} domains")
    for index, one in enumerate(domains):
        if not isinstance(one, str):
            raise_wrong_type(f"{where}[{index}]", "a string", one)
    return tuple(domains)


def _location(tool: Fields) -> UserLocation | None:
    """Parse `user_location`: flat, or nested in `approximate` as in Chat."""
    location = tool.object("user_location")
    if location is None:
        return None
    body = location.object("approximate") or location
    return UserLocation(body.text("country"), body.text("region"), body.text("city"), body.text("timezone"))
