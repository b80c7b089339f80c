"""Lets docstrings quote code as Markdown does, `like this`: pydoctor would take each such word for a link."""

import re

from pydoctor import model
from pydoctor.extensions import DocumentableMixin, ExtRegistrar, PackageMixin

_QUOTED = re.compile(r"(?<!`)`([^`]+)`(?!`)")


class Quoting(DocumentableMixin, PackageMixin):
    """Turns quoted code into reST literals before pydoctor reads a docstring."""

    def _setDocstringValue(self, doc: str, lineno: int) -> None:
        super()._setDocstringValue(_QUOTED.sub(r"``\1``", doc), lineno)


class System(model.System):
    """pydoctor's own system with this one extension (`system-class` in pyproject.toml)."""

    custom_extensions = [__name__]


def setup_pydoctor_extension(registrar: ExtRegistrar) -> None:
    """Give every documented object the mixin (pydoctor calls this)."""
    registrar.register_mixin(Quoting)
