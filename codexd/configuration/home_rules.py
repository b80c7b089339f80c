"""Checks of the tables `[[codex]]`: one account each, and no request that goes from one account to another."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from posixpath import normpath
from typing import Final

from codexd.policy.codex_homes import find_home
from codexd.policy.model_prefixes import MAX_CHARACTERS, has_separator, is_valid_prefix
from codexd.settings import Settings

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def _check_names(settings: Settings) -> Iterator[str]:
    upstreams = {upstream.name for upstream in settings.upstream}
    for name, count in Counter(home.name for home in settings.homes).items():
        if not _NAME.fullmatch(name):
            yield f"codex: {name!r} is not a valid name; use up to 64 letters, digits, '.', '_' and '-'"
        elif count > 1:
            yield f"codex: {count} tables have the name {name!r}; set a name of its own in each"
        elif name in upstreams:
            yield f"codex {name!r}: an upstream has the same name; rename one"


def _check_directories(settings: Settings) -> Iterator[str]:
    if not settings.further_codex:
        return
    for home in settings.homes:
        if home.home is None and home.model not in {"scripted", "none"}:
            yield f"codex {home.name!r}: home must be set, as there are several tables [[codex]]"
    for path, count in Counter(normalise_path(home.home) for home in settings.homes if home.home is not None).items():
        if count > 1:
            yield f"codex: {count} tables have the home {path!r}; each needs a CODEX_HOME of its own"


def normalise_path(path: str) -> str:
    """Return a path in its shortest form, as far as its text tells; links are not followed."""
    return normpath(path).replace("//", "/")  # POSIX leaves two slashes at the beginning


def _check_prefixes(settings: Settings) -> Iterator[str]:
    """Every name of a model belongs to one home, so that none can be served by another account."""
    if not settings.further_codex:
        return
    for prefix, count in Counter(home.prefix for home in settings.homes).items():
        if count > 1:
            which = f"the prefix {prefix!r}" if prefix else "no prefix"
            yield f'codex: {count} tables have {which}; set one of its own in each, such as "work/"'
    upstreams = {upstream.prefix: upstream.name for upstream in settings.upstream if upstream.prefix}
    for home in settings.homes:
        if home.prefix in upstreams:
            yield f"codex {home.name!r}: upstream {upstreams[home.prefix]!r} has the same prefix; change one"


def _check_forms_of_prefixes(settings: Settings) -> Iterator[str]:
    for where, prefix in _name_prefixes(settings):
        if not is_valid_prefix(prefix):
            yield f'{where}: prefix must be at most {MAX_CHARACTERS} visible ASCII characters, none of them "*"'


def find_prefix_warnings(settings: Settings) -> Iterator[str]:
    """Yield a warning for each prefix with which names of other back ends may begin."""
    prefixes = [(where, prefix) for where, prefix in _name_prefixes(settings) if prefix]
    for where, prefix in prefixes:
        if not has_separator(prefix):
            yield f'{where}: the names of other models may begin with the prefix {prefix!r}; end it with "/"'
        for other, longer in prefixes:
            if longer != prefix and longer.startswith(prefix):
                yield f"{other}: its prefix {longer!r} begins with {prefix!r} of {where}; the longest match counts"


def _name_prefixes(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Return the prefix of each back end that has models, after its name."""
    homes = ((f"codex {home.name!r}", home.prefix) for home in settings.homes)
    return (*homes, *((f"upstream {upstream.name!r}", upstream.prefix) for upstream in settings.upstream))


def _check_references(settings: Settings) -> Iterator[str]:
    names = {home.name for home in settings.homes}
    for alias in settings.models.alias:
        if alias.codex is not None and alias.codex not in names:
            yield f"models.alias {alias.name!r}: there is no table [[codex]] named {alias.codex!r}"
    for key in settings.key:
        if key.codex is not None and key.codex not in names:
            yield f"key {key.name!r}: there is no table [[codex]] named {key.codex!r}"


def _check_fallbacks(settings: Settings) -> Iterator[str]:
    """A fallback from one account to another would stretch the limits of the accounts."""
    for alias in settings.models.alias if settings.further_codex else ():
        chain = (alias.name, *alias.fallback)
        homes = dict.fromkeys(home for name in chain if (home := find_home(settings, name)) is not None)
        if len(homes) > 1:
            yield (
                f"models.alias {alias.name!r}: fallback goes from the Codex home {' to '.join(map(repr, homes))}; the "
                "requests of one account are not passed on to another. Name models of the same home, or of upstreams"
            )


RULES: Final[tuple[Callable[[Settings], Iterator[str]], ...]] = (
    _check_names,
    _check_directories,
    _check_prefixes,
    _check_forms_of_prefixes,
    _check_references,
    _check_fallbacks,
)
