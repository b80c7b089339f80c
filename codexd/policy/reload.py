"""Reloading: which changed settings take effect while the daemon runs, and which need a restart."""

from codexd.neutral.records import frozen


@frozen(kw_only=True)
class ReloadReport:
    """What a reload of the settings did.

    Attributes:
        applied: the settings that changed and are in effect.
        restart: the settings that changed in the configuration, and take effect only after a restart.
        problems: why nothing was changed; empty unless the new settings are wrong.
    """

    applied: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
