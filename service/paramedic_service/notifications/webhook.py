"""The way of a message to its receiver."""

import hashlib
import hmac
from collections.abc import Callable

import httpx

TIMEOUT = 10.0
"""Seconds that a receiver may take to answer."""


class DeliveryError(Exception):
    """A receiver did not take a message; the message says why.

    Attributes:
        pause: Seconds that the receiver asked to be left alone; 0 when it said nothing of it.
    """

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


class Webhook:
    """Posts JSON to one address.

    Every request carries `Idempotency-Key`, the same for the same news told again, and with a secret
    `X-Paramedic-Signature: t=TIME,v1=HEX`, where HEX is the HMAC-SHA256 of `TIME.BODY`: a receiver that compares it,
    and TIME with its clock, knows who sent it and that it is fresh.

    Args:
        url: Where to.
        secret: To sign with; None signs nothing.
        clock: Seconds since the Unix epoch.
    """

    def __init__(self, url: str, secret: str | None, clock: Callable[[], float]) -> None:
        self._url = url
        self._secret = secret
        self._clock = clock
        self._client = httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False)

    async def deliver(self, body: bytes, key: str) -> None:
        """Posts a message.

        Args:
            body: JSON.
            key: The same for the same news.

        Raises:
            DeliveryError: The receiver is not there, or answered with anything but success.
        """
        digest = hashlib.sha256(key.encode()).hexdigest()  # a header takes no project's name as it is
        headers = {"Content-Type": "application/json", "Idempotency-Key": digest}
        if self._secret is not None:
            time = str(int(self._clock()))
            headers["X-Paramedic-Signature"] = f"t={time},v1={sign(self._secret, time, body)}"
        try:
            response = await self._client.post(self._url, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Neither the address nor its parts are told: of many receivers the address is the password.
            raise DeliveryError(f"the receiver cannot be reached: {type(error).__name__}") from None
        if not response.is_success:
            raise DeliveryError(f"the receiver answered with status {response.status_code}", _pause(response))

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()


def sign(secret: str, time: str, body: bytes) -> str:
    """The signature of a message, hexadecimal.

    Args:
        secret: Shared with the receiver.
        time: Seconds since the Unix epoch, as they stand in the header.
        body: As it is sent.
    """
    return hmac.new(secret.encode(), f"{time}.".encode() + body, hashlib.sha256).hexdigest()


def _pause(response: httpx.Response) -> float:
    try:
        return min(3600.0, max(0.0, float(response.headers.get("Retry-After", "0"))))
    except ValueError:  # a date, which nobody's clock agrees on
        return 0.0
