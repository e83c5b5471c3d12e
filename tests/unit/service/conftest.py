"""Property tests here compute and never wait: how long one takes says something of the machine only."""

from hypothesis import settings

settings.register_profile("service", deadline=None)
settings.load_profile("service")
