"""Who may call: whoever sends the token."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from grpc_health.v1 import health_pb2
from pydantic import SecretStr

# Probes come from orchestrators that know no token, and learn nothing but whether the service serves.
_OPEN_TO_ALL = f"/{health_pb2.DESCRIPTOR.services_by_name['Health'].full_name}/"


class TokenInterceptor(grpc.aio.ServerInterceptor):
    """Turns callers away that do not send `authorization: Bearer TOKEN`; health checks need none.

    Args:
        token: What they must send.
    """

    def __init__(self, token: SecretStr) -> None:
        self._expected = f"Bearer {token.get_secret_value()}".encode()
        self._denial: grpc.RpcMethodHandler[Any, Any] = grpc.stream_stream_rpc_method_handler(_deny)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Lets the call through, or answers it with UNAUTHENTICATED."""
        if handler_call_details.method.startswith(_OPEN_TO_ALL):
            return await continuation(handler_call_details)
        for name, value in handler_call_details.invocation_metadata:
            given = value.encode() if isinstance(value, str) else value
            if name == "authorization" and hmac.compare_digest(given, self._expected):
                return await continuation(handler_call_details)
        return self._denial


async def _deny(_requests: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
    await context.abort(
        grpc.StatusCode.UNAUTHENTICATED, "send 'authorization: Bearer TOKEN' with the token that the service was given"
    )
