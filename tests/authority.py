"""A certificate authority of a test's own, and a web site on loopback that it vouches for."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOOPBACK = ip_address("127.0.0.1")
NOW = datetime.now(UTC)


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, signed_by: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    called = {who: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, who)]) for who in (name, issuer)}
    authority = name == issuer
    return (
        x509.CertificateBuilder()
        .subject_name(called[name])
        .issuer_name(called[issuer])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(hours=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(LOOPBACK)]), critical=False)
        .sign(signed_by, hashes.SHA256())
    )


@contextmanager
def private_site(folder: Path, content: str) -> Iterator[tuple[int, Path]]:
    """Serve `content` by TLS on loopback: the port, and the authority's file, which also holds its key."""
    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("tests", root, "tests", root)
    site = _certificate("127.0.0.1", leaf, "tests", root)
    folder.mkdir()
    bundle, pair = folder / "authority.pem", folder / "site.pem"
    for path, key, certificate in ((bundle, root, authority), (pair, leaf, site)):
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content.encode())

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that does not trust us is what some tests want."""

    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server.server_address[1], bundle
    finally:
        server.shutdown()
        server.server_close()
