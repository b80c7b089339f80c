"""Tests of codexd; their folders mirror its packages. This module registers the hypothesis profiles.

CODEXD_HYPOTHESIS_PROFILE selects how many examples a property test draws: `full` (the default, for CI) or
`quick` (for the edit loop). A test that needs another number than the default uses one of these with
`settings.get_profile`:

    "few"        slow tests, such as those that run the whole server
    "many"       tests of many different cases
    "machines"   state machines
    "daemons"    state machines over a whole daemon

No profile has a deadline or checks the speed of drawing: the machine may be busy, and the first text that
hypothesis draws builds its tables. A test reports one failure, since trial prints no groups of exceptions.
"""

import os
from typing import Final

from hypothesis import HealthCheck, settings

PROFILE_VARIABLE: Final = "CODEXD_HYPOTHESIS_PROFILE"
EXAMPLES: Final = {
    "full": {"codexd": 100, "few": 60, "many": 300, "machines": 150, "daemons": 25},
    "quick": {"codexd": 20, "few": 8, "many": 30, "machines": 8, "daemons": 3},
}


def _register(profile: str) -> None:
    """Register the numbers of examples of a profile and load its default."""
    for name, examples in EXAMPLES[profile].items():
        settings.register_profile(
            name,
            max_examples=examples,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
            report_multiple_bugs=False,
            print_blob=True,
        )
    settings.load_profile("codexd")


_register(os.environ.get(PROFILE_VARIABLE, "full"))
