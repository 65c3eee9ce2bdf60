from __future__ import annotations

from jupyter_agents.domain.packages import wanted
from jupyter_agents.sandbox.recipe import dockerfile

INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends"
UPDATE = f"apt-get update && {INSTALL}"
CLEAN = "rm -rf /var/lib/apt/lists/*"
EXACT = f"""\
FROM sha256:base
LABEL a=1 b=2
USER root
ARG GOPROXY
ARG PIP_INDEX_URL
RUN {UPDATE} -- jq libc6:amd64 'git=1:2.39~' && apt-get clean && {CLEAN}
RUN {{ command -v cargo >/dev/null || {{ {UPDATE} cargo && {CLEAN}; }}; }} \
&& CARGO_HOME=/tmp/cargo cargo install --root /usr/local -- hyperfine@1.18.0 && rm -rf /tmp/cargo
RUN {{ command -v gem >/dev/null || {{ {UPDATE} ruby ruby-dev build-essential && {CLEAN}; }}; }} \
&& gem install --no-document rails:7.1.0 'rack:~> 3.0'
RUN {{ command -v go >/dev/null || {{ {UPDATE} golang-go git ca-certificates && {CLEAN}; }}; }} \
&& GOBIN=/usr/local/bin GOPATH=/tmp/go GOCACHE=/tmp/go-cache GOFLAGS=-modcacherw \
go install golang.org/x/tools/cmd/goimports@latest \
&& GOBIN=/usr/local/bin GOPATH=/tmp/go GOCACHE=/tmp/go-cache GOFLAGS=-modcacherw \
go install example.com/tool@v1.2.3 && rm -rf /tmp/go /tmp/go-cache
RUN {{ command -v npm >/dev/null || {{ {UPDATE} npm && {CLEAN}; }}; }} \
&& npm install --global --prefix /usr/local --no-audit --no-fund -- express@4.18.0 '@types/node@>=18 <20' \
&& rm -rf /root/.npm
RUN {{ command -v pip3 >/dev/null || {{ {UPDATE} python3-pip && {CLEAN}; }}; }} \
&& PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore \
python3 -m pip install --no-cache-dir --no-input -- pandas==2.2.0 'requests[socks]>=2,<3'
ENV NODE_PATH=/usr/local/lib/node_modules
"""


def test_the_recipe_is_exactly_this() -> None:
    packages = {
        "pip": ["pandas==2.2.0", "requests[socks]>=2,<3"],
        "npm": ["express@4.18.0", "@types/node@>=18 <20"],
        "go": ["golang.org/x/tools/cmd/goimports", "example.com/tool@v1.2.3"],
        "gem": ["rails:7.1.0", "rack:~> 3.0"],
        "cargo": ["hyperfine@1.18.0"],
        "apt": ["jq", "libc6:amd64", "git=1:2.39~"],
    }
    made = dockerfile("sha256:base", {"a": "1", "b": "2"}, wanted(packages), {"PIP_INDEX_URL", "GOPROXY"})
    assert made == EXACT


def test_certificates_are_copied_in() -> None:
    text = dockerfile("x", {"a": "1"}, {"apt": ("jq",)}, ["SSL_CERT_FILE"], ["/opt/a b.pem", "/opt/c.pem"])
    copied = ["USER root", 'COPY ["0", "/opt/a b.pem"]', 'COPY ["1", "/opt/c.pem"]', "ARG SSL_CERT_FILE"]
    assert text.splitlines()[2:6] == copied


def test_one_manager_is_one_run() -> None:
    lines = dockerfile("x", {"a": "1"}, {"apt": ("jq",)}).splitlines()
    assert [line.split()[0] for line in lines] == ["FROM", "LABEL", "USER", "RUN"]


def test_what_is_quoted_cannot_leave_its_argument() -> None:
    (line,) = (
        one for one in dockerfile("x", {"a": "1"}, {"pip": ("a;id", "$(id)")}).splitlines() if "RUN" in one
    )
    assert line.endswith("-- 'a;id' '$(id)'")
