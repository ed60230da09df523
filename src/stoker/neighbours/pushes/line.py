"""The end in moto's process: its threads push, and wait for the node's word, while all others go on."""

import itertools
import socket
import threading
from concurrent.futures import Future

import msgspec

from stoker.neighbours.pushes.records import LENGTH_BYTES, Answer, Push, Pushed, Question, frame_bytes, framed

# Lambda's longest run and some more; an event is answered as soon as it is on disk.
ANSWER_LIMIT_S = 960.0


class Line:
    """To be used from any thread."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._numbers = itertools.count()
        self._waiting: dict[int, Future[Pushed]] = {}
        self._sending = threading.Lock()
        threading.Thread(target=self._read, name="answers", daemon=True).start()

    def push(self, push: Push, limit_s: float = ANSWER_LIMIT_S) -> Pushed:
        """The node's answer; one with an error when it cannot be asked, or takes too long. Never raises."""
        number = next(self._numbers)
        answer = self._waiting[number] = Future[Pushed]()
        try:
            frame = framed(Question(number, push))
            with self._sending:
                self._connection.sendall(frame)
            return answer.result(limit_s)
        except (OSError, ValueError, TimeoutError) as error:
            return Pushed(503, error="ServiceException", message=str(error) or type(error).__name__)
        finally:
            del self._waiting[number]

    def _read(self) -> None:
        """Until the node lets go; then this process ends, too."""
        with self._connection.makefile("rb") as frames:
            while len(head := frames.read(LENGTH_BYTES)) == LENGTH_BYTES:
                answer = msgspec.json.decode(frames.read(frame_bytes(head)), type=Answer)
                waiting = self._waiting.get(answer.number)
                if waiting is not None:
                    waiting.set_result(answer.pushed)
