"""OTLP over gRPC: Export of the three services, on raw bytes, with the same fates as over HTTP."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
import grpc.aio

from tollbook_collector.intake.accept import Body, Busy, Door, answer
from tollbook_collector.intake.allowance import AllowanceSpent
from tollbook_collector.intake.decompress import REQUEST_BYTES_MAX, TooLarge
from tollbook_collector.intake.examine import Undecodable
from tollbook_collector.intake.gate import Gate
from tollbook_collector.intake.keyring import NotLetIn, ScopeMissing, TooManyFailures, presented
from tollbook_collector.intake.keys import Key
from tollbook_collector.intake.signals import SIGNALS, Signal
from tollbook_collector.intake.status import RESOURCE_EXHAUSTED, UNAVAILABLE, Status, retry_after_s
from tollbook_collector.spool.append import SpoolFailed, SpoolFull

METADATA_BYTES_MAX: Final = 32 * 1024
CONNECTION_IDLE_MAX_MS: Final = 600_000
STATUS_DETAILS: Final = "grpc-status-details-bin"


class AddressInUse(Exception):
    """A port that the collector should listen on belongs to another program."""


@dataclass(frozen=True)
class GrpcTls:
    """What TLS needs, in PEM.

    Args:
        certificate: With the chain behind it.
        key: Of the certificate.
        client_ca: Who must have signed the certificates of senders; empty: they need none.
    """

    certificate: bytes
    key: bytes = field(repr=False)
    client_ca: bytes = b""

    def credentials(self) -> Any:
        """Return it as gRPC takes it."""
        return grpc.ssl_server_credentials(
            [(self.key, self.certificate)], self.client_ca or None, bool(self.client_ca)
        )


class GrpcDoor:
    """The gRPC server.

    Args:
        door: What takes the requests.
        gate: What lets senders in.
        address: Where it listens, HOST:PORT.
        tls: By which certificate; None: without TLS.
    """

    def __init__(self, door: Door, gate: Gate, address: str, tls: GrpcTls | None = None) -> None:
        self._tls = tls
        self._door = door
        self._gate = gate
        self._address = address
        options = [
            ("grpc.max_receive_message_length", REQUEST_BYTES_MAX),
            ("grpc.max_metadata_size", METADATA_BYTES_MAX),
            ("grpc.max_connection_idle_ms", CONNECTION_IDLE_MAX_MS),
            # SO_REUSEPORT would let a second collector share the port without a word.
            ("grpc.so_reuseport", 0),
        ]
        self._server = grpc.aio.server(options=options)
        for signal in filter(door.takes, SIGNALS):
            export = grpc.unary_unary_rpc_method_handler(self._exporting(signal))
            self._server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(signal.service, {"Export": export}),)
            )

    async def start(self) -> int:
        """Listen, and return the port.

        Raises:
            AddressInUse: Another program listens there.
        """
        try:
            if self._tls is not None:
                port = self._server.add_secure_port(self._address, self._tls.credentials())
            else:
                port = self._server.add_insecure_port(self._address)
        except RuntimeError as error:
            raise AddressInUse(f"cannot listen on {self._address} for gRPC: {error}") from error
        await self._server.start()
        return int(port)

    async def stop(self, grace_s: float = 5.0) -> None:
        """Stop, after the requests under way, which have so many seconds."""
        await self._server.stop(grace_s)

    def _exporting(self, signal: Signal) -> Callable[[bytes, Any], Awaitable[bytes]]:
        async def export(request: bytes, context: Any) -> bytes:
            try:
                key = self._let_in(context)
                with self._door.room(len(request), key.tenant):
                    body = Body(signal, [request])
                    examined = await self._door.accept(key.tenant, key.id, body)
                self._gate.count(key, examined.items, len(examined.request))
            except NotLetIn as error:
                return await self._abort(context, grpc.StatusCode.UNAUTHENTICATED, error)
            except ScopeMissing as error:
                return await self._abort(context, grpc.StatusCode.PERMISSION_DENIED, error)
            except (AllowanceSpent, TooManyFailures) as error:
                status = Status(RESOURCE_EXHAUSTED, str(error), error.retry_after_s)
                context.set_trailing_metadata(((STATUS_DETAILS, status.protobuf()),))
                return await self._abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, error)
            except Undecodable as error:
                return await self._abort(context, grpc.StatusCode.INVALID_ARGUMENT, error)
            except TooLarge as error:
                # Without a RetryInfo this tells the sender not to come back with it.
                return await self._abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, error)
            except (Busy, SpoolFull, SpoolFailed) as error:
                status = Status(UNAVAILABLE, str(error), retry_after_s())
                context.set_trailing_metadata(((STATUS_DETAILS, status.protobuf()),))
                return await self._abort(context, grpc.StatusCode.UNAVAILABLE, error)
            self._door.count("OK")
            return answer(signal, examined)

        return export

    def _let_in(self, context: Any) -> Key:
        metadata = dict(context.invocation_metadata() or ())
        token = presented(metadata.get("authorization", ""), metadata.get("x-api-key", ""))
        # As ipv4:127.0.0.1:54321; the port is another one for each connection.
        return self._gate.let_in(token, context.peer().rpartition(":")[0])

    async def _abort(self, context: Any, code: grpc.StatusCode, error: Exception) -> bytes:
        self._door.count(code.name)
        await context.abort(code, str(error))
        raise AssertionError("abort raises")
