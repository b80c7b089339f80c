"""Commands that would change the machine, and not only the folder of a page: they are never run.

The examples are run by whoever runs the tests, perhaps as root; `sudo` in them only runs the command behind it.
"""

import re

_WORD_END = re.compile(r"[\s;|&()<>='\"`]+")
_PROGRAM = re.compile(
    r"(?:.*/)?(?:apt|apt-get|dpkg|dnf|pip3?|pipx|uv|venv|npm|docker|podman|buildah|systemctl|systemd-run|journalctl|loginctl"
    r"|service|install-service|uninstall-service|init|shutdown|reboot|crontab|chown|mount|umount|sysctl|iptables"
    r"|useradd|userdel|groupadd|kill|killall|pkill)"
)
_OWN = ("/etc/codexd", "/var/lib/codexd", "/dev/null", "/none")
"""The absolute paths that a page may name: directories that stand for ones in its folder, and harmless ones."""


def find_machine_change(code: str) -> str | None:
    """Return the word of a command that could change the machine, or None."""
    commands = "\n".join(line.partition(" #")[0] for line in code.splitlines() if not line.lstrip().startswith("#"))
    return next((word for word in _WORD_END.split(commands) if _is_foreign(word)), None)


def _is_foreign(word: str) -> bool:
    if _PROGRAM.fullmatch(word):
        return True
    if not word.startswith("/") or len(word) == 1:
        return False
    return ".." in word or not any(word == own or word.startswith(f"{own}/") for own in _OWN)
