"""Tests of codexd; their folders mirror its packages.

The hypothesis profile has no deadline and does not check the speed of drawing: the machine may be busy, and
the first text that hypothesis draws builds its tables.
"""

from hypothesis import HealthCheck, settings

settings.register_profile("codexd", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("codexd")
