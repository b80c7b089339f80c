"""Tools that are not the client's own: those that OpenAI runs, or defines: web_search, file_search, shell ...

One rule for all doors: a web search is offered to the model as the provider's own; any other is refused by
name, or dropped with a note where the server is set to do so (`responses.hosted_tools`).
"""

import re
from collections.abc import Collection
from typing import Final, Literal, cast

from attrs import Factory, define

from codexd.fronts import vocabulary
from codexd.fronts.reading import Fields, wrong_type, wrong_value
from codexd.neutral.fault import Refused, fault
from codexd.neutral.turn import Place, ToolChoice, WebSearch

_OWN: Final = ("function", "custom")
_CHOICES: Final = (*_OWN, "allowed_tools")
_SEARCH: Final = re.compile(r"web_search(?:_preview)?(?:_[0-9_]{1,16})?")
_PLAIN: Final = re.compile(r"[a-z0-9_]{1,64}")
_SIZES: Final = ("low", "medium", "high")
_DOMAINS: Final = 100
"""How many domains a search may be held to, as OpenAI has it."""


@define
class Hosted:
    """Takes the tools of one request that are not the client's own.

    Attributes:
        drop: what cannot be run is dropped, not refused.
        search: the web search to be offered.
        ignored: what was dropped, by path, with its type where that is a plain name.
    """

    drop: bool
    search: WebSearch | None = None
    ignored: list[str] = Factory(list)

    def take(self, tool: Fields) -> None:
        """Read an element of `tools`.

        Raises:
            Refused: `hosted_tool` for one that cannot be run here.
        """
        if _is_search(tool):
            self.search = _search(tool)
        else:
            self._pass_over(tool)

    def options(self, fields: Fields) -> None:
        """Read Chat's `web_search_options`, which offers the search by being there."""
        asked = fields.object("web_search_options")
        if asked is not None:
            self.search = _search(asked)

    def choice(self, fields: Fields, declared: Collection[str]) -> ToolChoice:
        """Read `tool_choice`; a search that it leaves out is not offered.

        Args:
            fields: the body.
            declared: the names of the client's own tools.

        Raises:
            Refused: `hosted_tool` when it names what cannot be run here, or a search, which cannot be forced;
                else as `vocabulary.tool_choice`.
        """
        asked = fields.required_object("tool_choice") if isinstance(fields.raw("tool_choice"), dict) else None
        if asked is not None and asked.required_text("type") not in _CHOICES:
            self._pass_over(asked)
            return ToolChoice()
        kept = asked is not None and self._allowed(asked)
        choice = vocabulary.tool_choice(fields, declared)
        if choice.mode == "none" or (choice.names and not kept):
            self.search = None
        return choice

    def _allowed(self, asked: Fields) -> bool:
        """Go through `allowed_tools`, if that is what it is, and tell whether a search is among them."""
        body = asked.object("allowed_tools") or asked
        others = [one for one in body.objects("tools") if one.required_text("type") not in _OWN]
        for one in others:
            if not _is_search(one):
                self._pass_over(one)
        return any(map(_is_search, others))

    def _pass_over(self, tool: Fields) -> None:
        kind = tool.required_text("type")
        named = f"'{kind}' " if _PLAIN.fullmatch(kind) else ""
        if not self.drop:
            message = _FORCED if _is_search(tool) else f"The tool {named}cannot be run here. {_INSTEAD}"
            raise Refused(fault("hosted_tool", message, param=tool.at("type")))
        self.ignored.append(f"{tool.path} ({kind})" if named else tool.path)


_INSTEAD: Final = (
    "Offer functions or custom tools instead; a server whose setting responses.hosted_tools is 'drop' leaves "
    "such tools out."
)
_FORCED: Final = "A web search cannot be forced here. Offer it in 'tools', and the model may use it."


def _is_search(tool: Fields) -> bool:
    return _SEARCH.fullmatch(tool.required_text("type")) is not None


def _search(tool: Fields) -> WebSearch:
    size = cast(Literal["low", "medium", "high"] | None, tool.choice("search_context_size", _SIZES))
    return WebSearch(size, _domains(tool), _place(tool), tool.flag("external_web_access", True))


def _domains(tool: Fields) -> tuple[str, ...]:
    filters = tool.object("filters") or Fields({}, tool.at("filters"))
    domains = filters.array("allowed_domains") or []
    where = filters.at("allowed_domains")
    if len(domains) > _DOMAINS:
        wrong_value(where, f"expected at most {_DOMAINS} domains")
    for index, one in enumerate(domains):
        if not isinstance(one, str):
            wrong_type(f"{where}[{index}]", "a string", one)
    return tuple(domains)


def _place(tool: Fields) -> Place | None:
    """Read `user_location`: flat, or under its type, `approximate`, as Chat has it."""
    location = tool.object("user_location")
    if location is None:
        return None
    body = location.object("approximate") or location
    return Place(body.text("country"), body.text("region"), body.text("city"), body.text("timezone"))
