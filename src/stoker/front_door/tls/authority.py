"""A certificate authority of the node's own, and the certificate that it signs (extra `tls`).

It can sign for nothing but the node's names (RFC 5280, 4.2.1.10): whoever trusts it trusts it with no other host, also
when its key is stolen. It is made anew only when the node gets a name that it may not sign for.
"""

import datetime
import ipaddress
import json
import socket
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from stoker.front_door.tls.names import CertificateNames

AUTHORITY_DAYS = 3650
# Apple's systems take no longer ones: support.apple.com/102028.
CERTIFICATE_DAYS = 397
# Clocks of virtual machines may be behind for a while.
BACKDATED = datetime.timedelta(hours=1)
_LOOPBACK_NETWORKS = ("127.0.0.0/8", "::1/128")


class Authority:
    """In `directory` are its certificate and key, `authority.pem` and `.key`; those of the node are `certificate.*`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def issue(self, names: CertificateNames, dns_names: Sequence[str]) -> bool:
        """Write a certificate for these names. True when a new authority had to be made for it.

        Raises OSError.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        permitted = _permitted(names)
        is_new = not self._may_sign_for(permitted)
        if is_new:
            self._make(permitted)
        authority = x509.load_pem_x509_certificate((self._directory / "authority.pem").read_bytes())
        signer = serialization.load_pem_private_key((self._directory / "authority.key").read_bytes(), None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        own = [*map(x509.DNSName, dns_names), *(x509.IPAddress(ipaddress.ip_address(a)) for a in names.addresses)]
        certificate = (
            _builder(_name("Stoker"), authority.subject, key, CERTIFICATE_DAYS)
            .add_extension(x509.SubjectAlternativeName(own), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
            .sign(signer, hashes.SHA256())
        )
        self._write("certificate", key, certificate)
        return is_new

    def _may_sign_for(self, permitted: Sequence[str]) -> bool:
        try:
            record = json.loads((self._directory / "authority.json").read_text())
            certificate = x509.load_pem_x509_certificate((self._directory / "authority.pem").read_bytes())
            is_whole = (self._directory / "authority.key").exists()
        except (OSError, ValueError):
            return False
        ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=CERTIFICATE_DAYS)
        return is_whole and set(permitted) <= set(record["permitted"]) and ends < certificate.not_valid_after_utc

    def _make(self, permitted: Sequence[str]) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"Stoker local authority ({socket.gethostname()[:32]})")
        certificate = (
            _builder(name, name, key, AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(key_cert_sign=True), critical=True)
            .add_extension(x509.NameConstraints([_subtree(text) for text in permitted], None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        self._write("authority", key, certificate)
        (self._directory / "authority.json").write_text(json.dumps({"permitted": list(permitted)}))

    def _write(self, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        no_password = serialization.NoEncryption()
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, no_password)
        public = certificate.public_bytes(serialization.Encoding.PEM)
        for suffix, content in ((".key", private), (".pem", public)):
            new = self._directory / f"{name}{suffix}.new"
            new.unlink(missing_ok=True)
            new.touch(0o600 if suffix == ".key" else 0o644, exist_ok=False)
            new.write_bytes(content)
            new.rename(self._directory / f"{name}{suffix}")


def _permitted(names: CertificateNames) -> list[str]:
    """A domain stands for all names below it, too."""
    networks = [str(ipaddress.ip_network(address)) for address in names.addresses]
    return list(dict.fromkeys([*names.domains, *names.hosts, *_LOOPBACK_NETWORKS, *networks]))


def _subtree(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_network(text))
    except ValueError:
        return x509.DNSName(text)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    begins = datetime.datetime.now(datetime.UTC) - BACKDATED
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + datetime.timedelta(days=days))
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _key_usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
