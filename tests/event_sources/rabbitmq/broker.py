"""A RabbitMQ of the tests' own: its directory, its ports on loopback, its cookie, and its own port mapper (epmd)."""

import asyncio
import base64
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
START_LIMIT_S = 60.0
USER, PASSWORD = "reader", "p/a s&s%20"
VIRTUAL_HOST = "orders"
_ALL = {"configure": ".*", "write": ".*", "read": ".*"}


class RabbitBroker:
    """Started by `start`; queues outlive `kill` and the next `start`, and persistent messages in them."""

    def __init__(self, directory: Path) -> None:
        """Skips the test, naming what is missing, where there is no RabbitMQ."""
        if not PROGRAM.exists() or shutil.which("epmd") is None:
            pytest.skip(f"RabbitMQ is not installed (Debian's package rabbitmq-server): there is no {PROGRAM}")
        self._directory = directory
        self.port, self.tls_port, self._distribution_port, self._epmd_port = free_ports(4)
        self.authority = _certificate(directory)
        (directory / "definitions.json").write_text(json.dumps(_definitions()))
        (directory / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            f"listeners.ssl.1 = 127.0.0.1:{self.tls_port}\n"
            f"ssl_options.certfile = {self.authority}\n"
            f"ssl_options.keyfile = {directory / 'key.pem'}\n"
            "ssl_options.verify = verify_none\n"
            f"load_definitions = {directory / 'definitions.json'}\n"
        )
        self._epmd: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = self._environment()
        if self._epmd is None:
            # In the foreground, so that it ends with the tests: Erlang would leave a daemon behind.
            command = ["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"]
            self._epmd = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            _wait_listening(self._epmd_port, self._epmd, self._log)
        with self._log.open("ab") as output:
            self._server = subprocess.Popen(
                [str(PROGRAM)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        _wait_listening(self.tls_port, self._server, self._log)

    def kill(self) -> None:
        """SIGKILL, for all of its processes."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        self._end(signal.SIGTERM)
        if self._epmd is not None:
            self._epmd.terminate()
            self._epmd.wait(10)

    def _end(self, how: signal.Signals) -> None:
        if self._server is not None:
            os.killpg(self._server.pid, how)
            self._server.wait(30)
            self._server = None

    def declare(self, queue: str, virtual_host: str = "/", **arguments: Any) -> None:
        """A durable queue."""

        async def declare(channel: Any) -> None:
            await channel.queue_declare(queue, durable=True, arguments=arguments)

        self.use(declare, virtual_host)

    def publish(self, queue: str, bodies: Sequence[bytes], virtual_host: str = "/", **properties: Any) -> None:
        """Persistent messages, confirmed by the broker."""
        asyncio.run(publish(self.port, queue, bodies, virtual_host, **properties))

    def depth(self, queue: str, virtual_host: str = "/") -> int:
        """How many messages are ready, which is without those that a consumer holds."""

        async def depth(channel: Any) -> int:
            answer = await channel.queue_declare(queue, passive=True)
            return int(answer.message_count)

        return int(self.use(depth, virtual_host))

    def refusals(self) -> int:
        """How many logins were refused so far."""
        return self._log.read_text().count("PLAIN login refused")

    def use(self, work: Any, virtual_host: str = "/") -> Any:
        """What `work` does with a channel."""

        async def use() -> Any:
            connection = await connected(self.port, virtual_host)
            try:
                return await work(await connection.channel())
            finally:
                await connection.close()

        return asyncio.run(use())

    @property
    def _log(self) -> Path:
        return self._directory / "rabbitmq.log"

    def _environment(self) -> dict[str, str]:
        directory = str(self._directory)
        return {
            "PATH": os.environ["PATH"],
            "LC_ALL": "C",
            "HOME": directory,  # where the cookie is
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_NODENAME": f"stoker-{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_CONF_ENV_FILE": f"{directory}/none",  # Debian's own would count
            "RABBITMQ_CONFIG_FILE": f"{directory}/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{directory}/plugins",
            "RABBITMQ_MNESIA_BASE": f"{directory}/data",
            "RABBITMQ_LOG_BASE": f"{directory}/log",
            "RABBITMQ_LOGS": "-",
        }


async def connected(port: int, virtual_host: str = "/") -> Any:
    aiormq = pytest.importorskip("aiormq", reason="the extra 'rabbitmq' is not installed: aiormq is missing")
    user, password, name = (quote(text, safe="") for text in (USER, PASSWORD, virtual_host))
    return await aiormq.connect(f"amqp://{user}:{password}@127.0.0.1:{port}/{name}")


async def publish(port: int, queue: str, bodies: Sequence[bytes], virtual_host: str = "/", **properties: Any) -> None:
    from pamqp.commands import Basic

    connection = await connected(port, virtual_host)
    try:
        channel = await connection.channel(publisher_confirms=True)
        confirmations = [
            channel.basic_publish(
                body, routing_key=queue, properties=Basic.Properties(**({"delivery_mode": 2} | properties))
            )
            for body in bodies
        ]
        await asyncio.gather(*confirmations)
    finally:
        await connection.close()


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _wait_listening(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline_s = time.monotonic() + START_LIMIT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            text = log.read_text() if log.exists() else ""
            assert process.poll() is None, text
            assert time.monotonic() < deadline_s, text
            time.sleep(0.05)
        else:
            return


def _definitions() -> dict[str, Any]:
    salt = b"salt"
    password_hash = base64.b64encode(salt + hashlib.sha256(salt + PASSWORD.encode()).digest()).decode()
    hosts = ("/", VIRTUAL_HOST)
    return {
        "users": [
            {
                "name": USER,
                "password_hash": password_hash,
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": "",
            }
        ],
        "vhosts": [{"name": name} for name in hosts],
        "permissions": [{"user": USER, "vhost": name, **_ALL} for name in hosts],
    }


def _certificate(directory: Path) -> Path:
    """A certificate of 127.0.0.1, which is its own authority."""
    certificate = directory / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(directory / "key.pem"), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate
