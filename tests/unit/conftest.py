"""Settings of all unit tests."""

from hypothesis import settings

# how long an example takes says how busy the machine is, not whether the code is right
settings.register_profile("panscape", deadline=None)
settings.load_profile("panscape")
