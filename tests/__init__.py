"""The tests mirror codexd room by room.

Hypothesis is not to judge speed: the machine may be busy, and the first text it draws builds its tables.
"""

from hypothesis import HealthCheck, settings

settings.register_profile("codexd", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("codexd")
