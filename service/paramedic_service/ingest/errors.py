"""What can go wrong with a call, in the service's own words; `api.errors` turns them into statuses."""


class ServiceError(Exception):
    """A call cannot be served; the message tells the caller why and what to do."""


class InvalidArgument(ServiceError):
    """The caller asks for something that cannot be."""


class NotRegistered(ServiceError):
    """An entry came before the stream said which run it belongs to."""


class RunNotFound(ServiceError):
    """No such run was ever registered."""


class LimitReached(ServiceError):
    """A limit of this service is exhausted."""


class Superseded(ServiceError):
    """A newer stream of the same run took over."""


class TooSlow(ServiceError):
    """The caller does not read as fast as findings change."""


class Stopping(ServiceError):
    """The service is shutting down; another one, or the same one later, will serve."""


class Unavailable(ServiceError):
    """The service cannot serve this now; the same call may succeed later."""
