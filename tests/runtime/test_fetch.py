"""Fetching from a hostile web: a loopback site plays it."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import pytest

from jupyter_agents.runtime import fetch
from jupyter_agents.runtime.fetch import Fetcher, FetchFailed, Page, Target
from tests.websites import Site, body, redirect, site

BOMB = gzip.compress(b"0" * (60 * 1024 * 1024))
PAGES = {
    "/": body("<p>hello</p>", "text/html; charset=utf-8"),
    "/zipped": body(gzip.compress(b"small"), "text/plain", content_encoding="gzip"),
    "/bomb": body(BOMB, "text/plain", content_encoding="gzip"),
    "/broken": body(b"this is no gzip", "text/plain", content_encoding="gzip"),
    "/brotli": body(b"x", "text/plain", content_encoding="br"),
    "/huge": body(b"x" * (fetch.LARGEST + 5), "text/plain"),
    "/loop": redirect("/loop"),
    "/once": redirect("/"),
    "/cookie": body(b"", "text/html", 302, location="/", set_cookie="a=b"),
    "/nowhere": body("moved", status=302),
    "/private": redirect("http://10.0.0.1/"),
    "/metadata": redirect("http://169.254.169.254/latest/meta-data/"),
    "/file": redirect("file:///etc/passwd"),
    "/user": redirect("http://me:secret@site.example/"),
    "/away": redirect("http://blocked.example/"),
    "/500": body("<p>Sorry</p>", status=500),
}


@pytest.fixture(scope="module")
def web() -> Iterator[Site]:
    with site(PAGES) as found:
        yield found


class Names:
    """A resolver of names that are given here; it counts how often it was asked."""

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        self.names = names
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if host not in self.names:
            raise OSError("no such host")
        return self.names[host]


HERE = Names({"site.example": ["127.0.0.1"]})


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    """One that may go to site.example, which is the loopback site."""
    made = Fetcher(["site.example"], resolve=HERE, environ={})
    yield made
    made.close()


async def get(fetcher: Fetcher, url: str, check: fetch.Check = lambda target: None) -> Page:
    return await fetcher.get(url, check)


def at(web: Site, path: str) -> str:
    return f"http://site.example:{web.port}{path}"


async def test_a_page_comes_with_its_address_type_and_body(fetcher: Fetcher, web: Site) -> None:
    page = await get(fetcher, at(web, "/?q=1#part"))
    assert page == Page(at(web, "/?q=1"), 200, "OK", "text/html; charset=utf-8", b"<p>hello</p>", False)
    path, headers = web.asked[-1]
    assert (path, headers["host"]) == ("/?q=1", f"site.example:{web.port}")
    assert not headers.keys() & {"cookie", "authorization", "referer", "x-api-key"}


async def test_a_redirect_is_followed_without_the_cookie_it_set(fetcher: Fetcher, web: Site) -> None:
    assert (await get(fetcher, at(web, "/cookie"))).url == at(web, "/")
    assert "cookie" not in web.asked[-1][1]


async def test_an_error_page_is_a_page(fetcher: Fetcher, web: Site) -> None:
    found = await get(fetcher, at(web, "/500"))
    assert (found.status, found.body) == (500, b"<p>Sorry</p>")
    assert (await get(fetcher, at(web, "/nowhere"))).status == 302


@pytest.mark.parametrize(("path", "size", "cut"), [("/zipped", 5, False), ("/bomb", fetch.LARGEST, True)])
async def test_compressed_answers_are_bounded(
    fetcher: Fetcher, web: Site, path: str, size: int, cut: bool
) -> None:
    page = await get(fetcher, at(web, path))
    assert (len(page.body), page.cut) == (size, cut)


async def test_ten_megabytes_are_read_at_most(fetcher: Fetcher, web: Site) -> None:
    page = await get(fetcher, at(web, "/huge"))
    assert (len(page.body), page.cut) == (fetch.LARGEST, True)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/loop", "more than 10 redirects"),
        ("/private", "10.0.0.1 is not a public address"),
        ("/metadata", "169.254.169.254 is not a public address"),
        ("/file", "not an http:// or https:// address"),
        ("/user", "names a user or password"),
        ("/broken", "broken gzip"),
        ("/brotli", "'br', which was not asked for"),
    ],
)
async def test_what_a_site_may_not_do(fetcher: Fetcher, web: Site, path: str, why: str) -> None:
    with pytest.raises(FetchFailed, match=why):
        await get(fetcher, at(web, path))


async def test_ten_redirects_are_followed(fetcher: Fetcher, web: Site) -> None:
    before = len(web.asked)
    with pytest.raises(FetchFailed):
        await get(fetcher, at(web, "/loop"))
    assert len(web.asked) - before == fetch.MOST_REDIRECTS + 1


async def test_the_caller_is_asked_for_every_hop(fetcher: Fetcher, web: Site) -> None:
    hops: list[str] = []

    def check(target: Target) -> None:
        hops.append(target.host)
        if target.host == "blocked.example":
            raise FetchFailed("not there")

    with pytest.raises(FetchFailed, match="not there"):
        await get(fetcher, at(web, "/away"), check)
    assert hops == ["site.example", "blocked.example"]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://0/",
        "http://localhost/",
        "http://sub.localhost/",
        "http://localhost./",
        "http://printer/",
        "http://db.internal/",
        "http://10.1.2.3/",
        "http://172.16.0.1/",
        "http://192.168.1.1/",
        "http://169.254.169.254/",
        "http://100.100.100.200/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[fe80::1]/",
        "http://[fe80::1%25eth0]/",
        "http://[fc00::1]/",
        "http://\uff11\uff12\uff17.0.0.1/",
        "http://①②⑦.0.0.1/",
        "http://127。0。0。1/",
        "http://0.0.0.0/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "https://127.0.0.1/",
    ],
)
async def test_addresses_that_are_not_public_are_never_reached(url: str) -> None:
    made = Fetcher(environ={}, resolve=Names({}))
    with pytest.raises(FetchFailed, match=r"not a public|not a host name|cannot be read"):
        await get(made, url)
    made.close()


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["10.0.0.1", "192.168.0.1"], ["::1"], ["::ffff:10.0.0.1"], ["169.254.169.254"]],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_name_that_leads_to_a_private_address_is_refused(addresses: list[str], scheme: str) -> None:
    made = Fetcher(environ={}, resolve=Names({"evil.example": addresses}))
    with pytest.raises(FetchFailed, match=r"evil.example leads to .*, not a public address"):
        await get(made, f"{scheme}://evil.example/")
    made.close()


async def test_a_name_is_resolved_once_so_that_it_cannot_change_its_mind(web: Site) -> None:
    names = Names({"site.example": ["127.0.0.1"]})
    made = Fetcher(["site.example"], environ={}, resolve=names)
    await get(made, at(web, "/"))
    assert names.asked == ["site.example"]
    made.close()


async def test_the_next_address_is_tried_where_one_does_not_answer(web: Site) -> None:
    names = Names({"site.example": ["127.0.0.2", "127.0.0.1"]})
    made = Fetcher(["site.example"], environ={}, resolve=names)
    assert (await get(made, at(web, "/"))).status == 200
    made.close()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://site.example/", "not an http"),
        ("javascript:alert(1)", "not an http"),
        ("site.example", "not an http"),
        ("//site.example/", "not an http"),
        ("http://", "not a host name"),
        ("http:///path", "not a host name"),
        ("http://me@other.example/", "names a user"),
        ("http://other.example:8080/", "port 8080"),
        ("http://other.example:22/", "port 22"),
        ("http://other.example:99999/", "port 99999"),
        ("http://a b/", "not a host name|cannot be read"),
        ("http://x\r\nHost: y/", "cannot be read|not a host name"),
        ("http://[::1/", "cannot be read"),
        ("http://" + "a" * 300 + ".example/", "not a host name|cannot be read"),
        ("http://other.example/" + "a" * 9000, "8192"),
        ("http://gone.example/", "has no address"),
        ("http://-bad-.example/", "not a host name|cannot be read"),
        ("http://site.example:1/", "cannot be reached"),
    ],
)
async def test_urls_that_cannot_be_fetched(fetcher: Fetcher, url: str, why: str) -> None:
    with pytest.raises(FetchFailed, match=why):
        await get(fetcher, url)


async def test_a_site_that_does_not_finish_is_left(
    fetcher: Fetcher, web: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "SECONDS", 0.2)
    with pytest.raises(FetchFailed, match="did not answer in full"):
        await get(fetcher, at(web, "/slow"))


async def test_it_is_cancelled_at_once(fetcher: Fetcher, web: Site) -> None:
    web.asked_slow.clear()
    task = asyncio.create_task(get(fetcher, at(web, "/slow")))
    await asyncio.to_thread(web.asked_slow.wait, 10)
    task.cancel()
    async with asyncio.timeout(2):
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_servers_proxy_is_used_and_gets_its_password(web: Site) -> None:
    environ = {"http_proxy": f"http://me:secret@127.0.0.1:{web.port}"}
    names = Names({})
    made = Fetcher(environ=environ, resolve=names)
    assert (await get(made, "http://public.example/")).status in (200, 404)
    path, headers = web.asked[-1]
    assert path == "http://public.example/" and headers["proxy-authorization"].startswith("Basic ")
    assert (headers["host"], names.asked) == ("public.example", [])
    made.close()


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://localhost/", "http://[::1]/", "https://0x7f.1/"])
async def test_private_addresses_are_refused_before_a_proxy_is_asked(web: Site, url: str) -> None:
    proxy = f"http://127.0.0.1:{web.port}"
    made = Fetcher(environ={"http_proxy": proxy, "https_proxy": proxy})
    before = len(web.asked)
    with pytest.raises(FetchFailed, match="not a public"):
        await get(made, url)
    assert len(web.asked) == before
    made.close()


async def test_this_machines_own_addresses_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def own(address: str) -> Any:
        return address == "8.8.8.8"

    monkeypatch.setattr("jupyter_agents.sandbox.dial.is_own_address", own)
    made = Fetcher(environ={}, resolve=Names({"me.example": ["8.8.8.8"]}))
    with pytest.raises(FetchFailed, match=r"me\.example leads to 8\.8\.8\.8"):
        await get(made, "http://me.example/")
    made.close()
