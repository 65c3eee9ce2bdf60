from __future__ import annotations

from ipaddress import ip_address

import pytest

from jupyter_agents.sandbox.hosts import Hosts, address_refusal, literal_address, normalise


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "100.100.100.200",
        "169.254.169.254",
        "168.63.129.16",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "fe80::1",
        "fe80::1%2",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "fec0::1",
        "2001:db8::1",
        "2001::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
    ],
)
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    assert "not a public address" in (address_refusal(ip_address(address)) or "")


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "151.101.0.223", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
)
def test_public_addresses_pass(address: str) -> None:
    assert address_refusal(ip_address(address)) is None


@pytest.mark.parametrize(
    ("spelled", "address"),
    [
        ("2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("0xa9.254.169.254", "169.254.169.254"),
        ("::1", "::1"),
    ],
)
def test_literal_addresses_are_known_in_every_form(spelled: str, address: str) -> None:
    assert literal_address(spelled) == ip_address(address)
    assert "not a public address" in (Hosts(None).refusal(spelled, 80) or "")


def test_names_are_not_literal_addresses() -> None:
    assert literal_address("example.com") is None


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("Example.COM.", "example.com"),
        ("[::1]", "::1"),
        ("[::ffff:1.2.3.4]", "::ffff:102:304"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("my_host.example.com", "my_host.example.com"),
    ],
)
def test_normalise(host: str, name: str) -> None:
    assert normalise(host) == name


@pytest.mark.parametrize(
    "host", ["", ".", "a..b", "-a.com", "a b", "a\n.com", "x" * 64, "[::1", "[1.2.3.4]", "é.com"]
)
def test_what_is_no_host_name(host: str) -> None:
    assert normalise(host) is None


def test_limited_lets_through_what_is_listed() -> None:
    hosts = Hosts(("packages.example", "*.Example.com"))
    assert hosts.refusal("packages.example", 80) is None
    assert hosts.refusal("a.example.com", 80) is None
    assert hosts.refusal("a.b.example.com", 80) is None
    for host in ("example.com", "badexample.com", "www.packages.example", "packages.example.evil.net"):
        assert hosts.refusal(host, 80) == (
            "the environment's network allows packages.example, *.example.com only"
        )


def test_an_empty_list_lets_nothing_through() -> None:
    assert "no host only" in (Hosts(()).refusal("packages.example", 80) or "")


def test_a_long_list_is_not_repeated_in_full() -> None:
    reason = Hosts([f"h{n}.example.com" for n in range(200)]).refusal("packages.example", 80)
    assert reason is not None and "and 190 more" in reason and len(reason) < 300


@pytest.mark.parametrize(
    "host", ["localhost", "jupyter", "a.localhost", "metadata.google.internal", "printer.local"]
)
def test_local_names_are_refused_everywhere(host: str) -> None:
    assert "not a public host name" in (Hosts(None).refusal(host, 80) or "")
    assert "not a public host name" in (Hosts((host,)).refusal(host, 80) or "")


def test_a_trusted_host_may_be_private_where_it_is_allowed() -> None:
    hosts = Hosts(None, trusted=("mirror.corp", "here.corp:3141"))
    assert hosts.refusal("mirror.corp", 80) is None and hosts.trusts("mirror.corp", 80)
    assert hosts.refusal("other.corp", 80) is not None and not hosts.trusts("other.corp", 80)
    assert hosts.refusal("here.corp", 3141) is None and hosts.refusal("here.corp", 80) is not None
    assert hosts.trusts_here("here.corp", 3141) and not hosts.trusts_here("mirror.corp", 80)
    assert Hosts((), trusted=("mirror.corp",)).refusal("mirror.corp", 80) is not None
