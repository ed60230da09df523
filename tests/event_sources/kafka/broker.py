"""A real broker: Apache Kafka without ZooKeeper, by plain Java, on loopback, with a listener for each way to log in."""

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

POM = Path(__file__).with_name("pom.xml")
DOWNLOAD_LIMIT_S = 240
START_LIMIT_S = 40.0
PASSWORD = "not-a-secret"
USER = "stoker"
_LISTENERS = ("PLAINTEXT", "SASL_PLAINTEXT", "SASL_SSL", "SSL", "CONTROLLER")


def jars() -> Path:
    """The folder with the broker's jars, which are fetched once per user; skips where they cannot be had."""
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}: sudo apt-get install openjdk-17-jdk-headless maven")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stoker" / "tests"
    folder = cache / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
    if folder.exists():
        return folder
    making = folder.with_name(f"{folder.name}.{os.getpid()}")
    command = ["mvn", "-B", "-q", "-f", POM, "dependency:copy-dependencies", f"-DoutputDirectory={making}"]
    fetched = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_LIMIT_S, check=False)
    if fetched.returncode:
        shutil.rmtree(making, ignore_errors=True)
        pytest.skip(f"the jars of Apache Kafka cannot be had: {fetched.stdout[-500:]}")
    try:
        making.rename(folder)
    except OSError:  # another run was faster
        shutil.rmtree(making)
    return folder


@dataclass(frozen=True)
class Certificates:
    """PEM texts: who signs, and a client that the broker trusts."""

    authority: str
    client: str
    client_key: str


@dataclass
class Broker:
    """`ports` are by listener. It keeps its records and ports over `kill` and `start`."""

    jars: Path
    folder: Path
    ports: dict[str, int] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None
    _admin: Any = None

    def prepare(self) -> None:
        self.ports = dict(zip(_LISTENERS, _free_ports(len(_LISTENERS)), strict=True))
        self.certificates = make_certificates(self.folder)
        (self.folder / "server.properties").write_text(self._properties())
        self._java(
            *("kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c"),
            *("server.properties", "--add-scram", f"SCRAM-SHA-256=[name={USER},iterations=4096,password={PASSWORD}]"),
            *("--add-scram", f"SCRAM-SHA-512=[name={USER},iterations=4096,password={PASSWORD}]"),
        )

    def start(self) -> None:
        """Return when it answers."""
        with (self.folder / "broker.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self._command(), "kafka.Kafka", "server.properties"], cwd=self.folder, stdout=log, stderr=log
            )
        deadline_s = time.monotonic() + START_LIMIT_S
        while not self._answers():
            text = (self.folder / "broker.log").read_text()[-3000:]
            assert self.process.poll() is None, text
            assert time.monotonic() < deadline_s, text
            time.sleep(0.1)

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(30)

    def server(self, listener: str) -> str:
        return f"127.0.0.1:{self.ports[listener]}"

    def admin(self) -> Any:
        """One for all: an AdminClient that is dropped while it still connects has crashed the interpreter."""
        from confluent_kafka.admin import AdminClient

        if self._admin is None:
            self._admin = AdminClient({"bootstrap.servers": self.server("PLAINTEXT"), "log_level": 0})
        return self._admin

    def create_topic(self, name: str, partitions: int = 1, **config: str) -> str:
        from confluent_kafka.admin import NewTopic

        admin = self.admin()
        admin.create_topics([NewTopic(name, partitions, 1, config=config)])[name].result(20)
        return name

    def producer(self, **properties: Any) -> Any:
        from confluent_kafka import Producer

        return Producer({"bootstrap.servers": self.server("PLAINTEXT"), "log_level": 0, "linger.ms": 5, **properties})

    def produce(self, topic: str, *values: bytes | None, partition: int = 0, **members: Any) -> None:
        """Return when they are in the topic."""
        producer = self.producer()
        for value in values:
            producer.produce(topic, value, partition=partition, **members)
        assert producer.flush(20) == 0

    def committed(self, group: str, topic: str, partition: int = 0) -> int:
        """The group's offset; -1001 while it has none."""
        from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

        asked = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, partition)])
        admin = self.admin()
        listed = admin.list_consumer_group_offsets([asked])[group].result(20)
        return int(listed.topic_partitions[0].offset)

    def _answers(self) -> bool:
        from confluent_kafka import KafkaException

        try:
            return bool(self.admin().list_topics(timeout=1).brokers)
        except KafkaException:
            return False

    def _command(self) -> list[str]:
        quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"]
        return ["java", "-Xmx256m", *quick, f"-Djava.security.auth.login.config={os.devnull}", "-cp", f"{self.jars}/*"]

    def _java(self, *arguments: str) -> None:
        done = subprocess.run(
            [*self._command(), *arguments], cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _properties(self) -> str:
        addresses = {name: f"{name}://127.0.0.1:{port}" for name, port in self.ports.items()}
        plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        sasl = {
            f"listener.name.{listener}.{mechanism}.sasl.jaas.config": (
                f'{plain} user_{USER}="{PASSWORD}";' if mechanism == "plain" else scram
            )
            for listener in ("sasl_plaintext", "sasl_ssl")
            for mechanism in ("plain", "scram-sha-256", "scram-sha-512")
        }
        members: Mapping[str, Any] = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{self.ports['CONTROLLER']}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listeners": ",".join(addresses.values()),
            "advertised.listeners": ",".join(text for name, text in addresses.items() if name != "CONTROLLER"),
            "listener.security.protocol.map": ",".join(
                f"{name}:{'PLAINTEXT' if name == 'CONTROLLER' else name}" for name in addresses
            ),
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            **sasl,
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self.folder / "broker.pem",
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self.folder / "authority.pem",
            "listener.name.ssl.ssl.client.auth": "required",
            "log.dirs": self.folder / "logs",
            "num.network.threads": 1,
            "num.io.threads": 2,
            "background.threads": 1,
            "log.cleaner.enable": "false",
            "offsets.topic.num.partitions": 1,
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 1,
            "group.initial.rebalance.delay.ms": 0,
            "broker.session.timeout.ms": 1500,
            "broker.heartbeat.interval.ms": 500,
            "auto.create.topics.enable": "false",
        }
        return "".join(f"{name}={value}\n" for name, value in members.items())


def make_certificates(folder: Path) -> Certificates:
    """An authority, a certificate for the broker at 127.0.0.1, and one for a client."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl: sudo apt-get install openssl")

    def run(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=30)

    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    run(
        "req",
        "-x509",
        *new,
        "-keyout",
        "authority.key",
        "-out",
        "authority.pem",
        "-days",
        "2",
        "-subj",
        "/CN=authority",
    )
    for name in ("broker", "client"):
        (folder / f"{name}.ext").write_text("subjectAltName=IP:127.0.0.1\n")
        run("req", *new, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        run(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", "authority.pem", "-CAkey", "authority.key"),
            *("-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.crt"),
        )
    keys = {name: (folder / name).read_text() for name in ("broker.key", "broker.crt", "client.key", "client.crt")}
    (folder / "broker.pem").write_text(keys["broker.key"] + keys["broker.crt"])
    return Certificates((folder / "authority.pem").read_text(), keys["client.crt"], keys["client.key"])


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
