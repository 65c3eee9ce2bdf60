from __future__ import annotations

from pathlib import Path

from jupyter_agents.sandbox.base import Mount
from jupyter_agents.sandbox.certificates import find_certificates

ONE = "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----"
KEY = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----"


def test_the_certificates_of_a_bundle_are_copied_and_nothing_else(tmp_path: Path) -> None:
    bundle = tmp_path / "corp.pem"
    bundle.write_text(f"a comment\n{ONE}\n{KEY}\n{ONE}\n")
    found = find_certificates(tmp_path / "kept", {"SSL_CERT_FILE": str(bundle)})
    copy = tmp_path / "kept/ssl_cert_file.pem"
    assert found.mounts == (Mount(copy, "/mnt/certificates/ssl_cert_file.pem"),)
    assert found.env == {"SSL_CERT_FILE": "/mnt/certificates/ssl_cert_file.pem"}
    assert copy.read_text() == f"{ONE}\n{ONE}\n"


def test_a_variable_that_names_no_certificates_is_said(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text(KEY)
    environ = {"CURL_CA_BUNDLE": str(key), "REQUESTS_CA_BUNDLE": str(tmp_path), "NODE_EXTRA_CA_CERTS": ""}
    found = find_certificates(tmp_path / "kept", environ)
    assert found.mounts == () and not found.env
    assert [note.split()[0] for note in found.notes] == ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]
