"""What can go wrong with a call, in the service's own words; `api.errors` turns them into statuses."""


class ServiceError(Exception):
    """A call cannot be served; the message tells the caller why and what to do."""


class InvalidArgumentError(ServiceError):
    """The caller asks for something that cannot be."""


class NotRegisteredError(ServiceError):
    """An entry came before the stream said which run it belongs to."""


class RunNotFoundError(ServiceError):
    """No such run was ever registered."""


class LimitReachedError(ServiceError):
    """A limit of this service is exhausted."""


class SupersededError(ServiceError):
    """A newer stream of the same run took over."""


class TooSlowError(ServiceError):
    """The caller does not read as fast as findings change."""


class StoppingError(ServiceError):
    """The service is shutting down; another one, or the same one later, will serve."""


class UnavailableError(ServiceError):
    """The service cannot serve this now; the same call may succeed later."""
