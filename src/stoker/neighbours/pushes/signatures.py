"""SNS's signatures: one key for the life of the process, made with the first message, its certificate at moto's SNS.

Source: Amazon SNS Developer Guide, "Verifying the signatures of Amazon SNS messages". Version 1, which topics have
unless they ask for another, signs with SHA-1. moto itself makes a key for each subscription and keeps a
certificate for each message.
"""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any
from uuid import uuid4

VALID_DAYS = 365


class Signatures:
    """To be used from any thread."""

    def __init__(self, sns_backends: Any) -> None:
        self._backends = sns_backends
        self._lock = Lock()
        self._key: Any = None
        self._certificate = b""
        self._name = f"SimpleNotificationService-{uuid4().hex}.pem"

    def of(self, said: Mapping[str, str]) -> str:
        """In base64. `said` is what is signed, in the order of its names."""
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA1

        text = "".join(f"{name}\n{value}\n" for name, value in said.items())
        signature: bytes = self._signer().sign(text.encode(), PKCS1v15(), SHA1())  # noqa: S303 - AWS's version 1
        return base64.b64encode(signature).decode()

    def certificate_url(self, account_id: str, region: str) -> str:
        """Where moto's SNS answers with it, if the account asks."""
        self._signer()
        self._backends[account_id][region]._message_public_keys[self._name] = self._certificate
        return f"https://sns.{region}.amazonaws.com/{self._name}"

    def _signer(self) -> Any:
        with self._lock:
            if self._key is None:
                self._key, self._certificate = _pair()
        return self._key


def _pair() -> tuple[Any, bytes]:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=VALID_DAYS))
        .sign(key, SHA256())
    )
    return key, certificate.public_bytes(Encoding.PEM)
