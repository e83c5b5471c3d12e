"""What brings the telemetry of a run to the service, or to disk: its buffer, its thread, and its connection."""

from queue import SimpleQueue

from paramedic.buffer import RowBuffer
from paramedic.drops import Drops
from paramedic.encoding import encode_registration
from paramedic.findings import Findings
from paramedic.kept import warn_of_kept
from paramedic.lifecycle import Lock
from paramedic.outbox import Outbox
from paramedic.reproductions import Reproductions
from paramedic.sample import Sample, SampleError
from paramedic.sender import Sender
from paramedic.settings import Mode, Settings
from paramedic.sharing import Sharing
from paramedic.uplink import Arrival, Uplink
from paramedic.v1.telemetry_pb2 import FinishRun, RegisterRun
from paramedic.version import VERSION


class Delivery:
    """The parts between a run and the service, put together.

    Attributes:
        buffer: Where a run puts what is to be delivered.
    """

    def __init__(self, settings: Settings, drops: Drops, findings: Findings, reproductions: Reproductions) -> None:
        """Prepares to deliver; `start` begins.

        Args:
            settings: Of the run.
            drops: Where losses are counted.
            findings: Takes what the service finds.
            reproductions: Takes what comes of reproductions.
        """
        inbox: SimpleQueue[Arrival] = SimpleQueue()
        self.buffer = RowBuffer(drops, lambda: _wake(inbox))
        register = RegisterRun(run=settings.identity, name=settings.name, client_version=VERSION)
        registration = encode_registration(register)
        outbox = Outbox(drops, settings.spool_directory, registration)
        self._uplink: Uplink | None = None
        self._sharing: Sharing | None = None
        if settings.mode is Mode.ONLINE:
            self._uplink = Uplink(
                settings.endpoint,
                registration,
                outbox,
                inbox,
                drops,
                findings.add,
                reproductions.add,
                self.buffer.refuse_norms,
                settings.label,
            )
            self._sharing = Sharing(
                settings.endpoint, settings.identity, self._uplink.guard, lambda: inbox.put(None), settings.label
            )
        self._sender = Sender(
            self.buffer,
            drops,
            outbox,
            inbox,
            self._uplink,
            settings.label,
            lambda: warn_of_kept(settings),
            self._sharing,
        )

    @property
    def locks(self) -> tuple[Lock, ...]:
        """What must be held across a fork."""
        return (self.buffer.lock,) if self._uplink is None else (self.buffer.lock, self._uplink.guard)

    def start(self) -> None:
        """Begins to deliver.

        Raises:
            RuntimeError: The interpreter is shutting down.
        """
        self._sender.start()

    def share(self, sample: Sample) -> None:
        """Sends samples in the background.

        Raises:
            SampleError: There is nobody to send them to.
        """
        if self._sharing is None:
            raise SampleError("in offline mode there is nobody to share with; share it from a run that is online")
        self._sharing.offer(sample)

    def close(self, finish: FinishRun, timeout: float) -> None:
        """Asks for the end, and returns at once: what there is is delivered within the timeout, seconds."""
        self._sender.close(finish, timeout)

    def join(self, timeout: float) -> bool:
        """Waits for the end; whether it came within the timeout, seconds."""
        return self._sender.join(timeout)


def _wake(inbox: SimpleQueue[Arrival]) -> None:
    if inbox.empty():  # whatever is in there wakes the sender too
        inbox.put(None)
