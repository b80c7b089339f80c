"""Keeps the daemon's memory and files from others: core dumps, debuggers, a umask that lets everybody write."""

import ctypes
import os
import resource
import sys

_PR_SET_DUMPABLE = 4  # prctl(2)


def forbid_memory_dumps() -> None:
    """Disable core dumps of this process and its children, and on Linux the access to its memory.

    The memory contains keys and prompts. Other processes of the same user can then neither attach a debugger nor
    read `/proc/PID/environ` (prctl(2), PR_SET_DUMPABLE). Children are not protected: that ends with the start of
    another program.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def forbid_public_writes() -> None:
    """Let nobody but the user and its group write to what this process and its children create from now on."""
    os.umask(os.umask(0o077) | 0o002)
