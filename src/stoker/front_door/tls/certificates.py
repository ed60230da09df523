"""The certificate that a node shows: that of its settings, or its own, made when somebody first speaks TLS to it."""

import asyncio
import json
import logging
import ssl
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from stoker.config import Settings, SettingsError
from stoker.front_door.tls.names import names_of, regions_of

log = logging.getLogger("stoker.front_door")

NEEDED = "cryptography"
RENEWED_BEFORE_END_DAYS = 30
# Those that HTTP/2 allows (RFC 9113, Appendix A), with forward secrecy; TLS 1.3 has its own.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_DAY_S = 86_400


class TlsUnavailableError(Exception):
    """There is no certificate; the text says what to do."""


class Certificates:
    """`ready` is looked at for every connection, `context` waited for by the first."""

    def __init__(self, settings: Settings) -> None:
        """Raises SettingsError for a certificate of the settings that cannot be used."""
        self._settings = settings
        self._directory = settings.data / "tls"
        self._making = asyncio.Lock()
        self._context: ssl.SSLContext | None = None
        # What of the own certificate's files was read, and when the node's own has to be made anew.
        self._stamp: tuple[int, int] | None = None
        self._renew_s = 0.0
        self._has_complained = False
        self._own: tuple[Path, Path] | None = None
        if settings.tls_certificate is not None and settings.tls_key is not None:
            self._own = settings.tls_certificate, settings.tls_key
            try:
                self._context, self._stamp = server_context(*self._own), _stamp_of(*self._own)
            except (OSError, ValueError) as error:
                raise SettingsError(f"settings 'tls_certificate' and 'tls_key' cannot be used: {error}") from None

    def ready(self) -> ssl.SSLContext | None:
        """What to show now; None: `context` has to be asked. An own certificate is read again when its file changes."""
        if self._own is not None:
            self._read_again(*self._own)
            return self._context
        return self._context if time.time() < self._renew_s else None

    async def context(self) -> ssl.SSLContext:
        """What to show. Raises TlsUnavailableError, whose text is logged once."""
        async with self._making:
            context = self.ready()
            if context is None:
                context = self._context = await asyncio.to_thread(self._made)
            return context

    async def authority(self) -> bytes:
        """The certificate (PEM) by which clients know the node. Raises TlsUnavailableError."""
        if self._own is not None:
            raise TlsUnavailableError("the certificate is one of the settings: whoever signed it is its authority")
        await self.context()
        return await asyncio.to_thread((self._directory / "authority.pem").read_bytes)

    def complain(self, error: TlsUnavailableError) -> None:
        """Log it, the first time."""
        if not self._has_complained:
            self._has_complained = True
            log.warning("a client speaks TLS, but %s", error)

    def _read_again(self, certificate: Path, key: Path) -> None:
        try:
            stamp = _stamp_of(certificate, key)
            if stamp == self._stamp:
                return
            self._stamp = stamp
            self._context = server_context(certificate, key)
            log.info("the certificate %s was read again", certificate)
        except (OSError, ValueError) as error:
            log.warning("the certificate %s cannot be read again, the former one stays: %s", certificate, error)

    def _made(self) -> ssl.SSLContext:
        """The certificate that was kept, if it will do, else a new one."""
        names = names_of(self._settings)
        dns_names = names.dns_names(regions_of(self._settings))
        record: dict[str, Any] = {"dns": dns_names, "addresses": list(names.addresses)}
        certificate, key = self._directory / "certificate.pem", self._directory / "certificate.key"
        kept = self._kept_record()
        if {name: kept.get(name) for name in record} != record or kept["renew_s"] <= time.time():
            if find_spec(NEEDED) is None:
                raise TlsUnavailableError(
                    "there is no certificate: pip install 'stoker[tls]', which makes one, or name your own by the "
                    "settings tls_certificate and tls_key"
                )
            from stoker.front_door.tls.authority import CERTIFICATE_DAYS, Authority

            try:
                if Authority(self._directory).issue(names, dns_names):
                    log.info("a local authority was made for TLS: %s", self._directory / "authority.pem")
                record["renew_s"] = time.time() + (CERTIFICATE_DAYS - RENEWED_BEFORE_END_DAYS) * _DAY_S
                (self._directory / "certificate.json").write_text(json.dumps(record))
            except OSError as error:
                raise TlsUnavailableError(f"no certificate can be made in {self._directory}: {error}") from None
            kept = record
        self._renew_s = kept["renew_s"]
        return server_context(certificate, key)

    def _kept_record(self) -> dict[str, Any]:
        try:
            record = json.loads((self._directory / "certificate.json").read_text())
            is_whole = all((self._directory / f"certificate.{suffix}").exists() for suffix in ("pem", "key"))
        except (OSError, ValueError):
            return {}
        return record if is_whole and (self._directory / "authority.pem").exists() else {}


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 and newer. Raises OSError (ssl.SSLError is one) and ValueError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_ciphers(CIPHERS)
    context.set_alpn_protocols(["h2", "http/1.1"])
    context.load_cert_chain(certificate, key, _no_password)
    return context


def _no_password() -> str:
    raise ValueError("the key is encrypted")  # without this, OpenSSL would ask at the terminal


def _stamp_of(certificate: Path, key: Path) -> tuple[int, int]:
    return certificate.stat().st_mtime_ns, key.stat().st_mtime_ns
