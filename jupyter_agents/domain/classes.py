"""The programs that the `auto` policy knows, in classes: the table of docs/permissions.md."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Class:
    """Programs of one kind, with what is said of them in the documentation."""

    title: str
    names: frozenset[str]
    ruling: str


def _class(title: str, names: str, ruling: str) -> Class:
    return Class(title, frozenset(names.split()), ruling)


HARMLESS = _class(
    "speak and wait",
    "echo printf true false : pwd seq sleep whoami id uname nproc type which wait exit expr basename dirname",
    "allowed with any words",
)
READ = _class(
    "read files",
    "cat head tail wc sort uniq cut tr nl od xxd hexdump strings file stat du df md5sum sha1sum sha256sum "
    "sha512sum cksum diff cmp comm join paste column fold fmt rev tac jq grep egrep fgrep rg ls tree "
    "realpath readlink zcat date",
    "allowed where every path may be read",
)
EDIT = _class(
    "edit text", "sed awk gawk mawk", "allowed with a plain script, where every path may be written"
)
WRITE = _class(
    "make and change files",
    "mkdir touch tee truncate cp mv ln gzip gunzip tar",
    "allowed where every path may be written; sources may be read; unpacking with `tar`: asked",
)
DELETE = _class(
    "delete", "rm rmdir unlink", "allowed below the workspace; recursively outside or the whole of it: denied"
)
MODE = _class("change permissions", "chmod", "allowed for one's own files; widely or setuid: denied")
FIND = _class("find", "find", "allowed to list; `-exec` is judged by its command and never allowed")
GIT = _class(
    "git",
    "git",
    "allowed: status, diff, log, show, add, commit, init, rev-parse, ls-files, blame; others (push, clone, "
    "reset, clean ...): asked",
)
RUN = _class(
    "run a program of the workspace",
    "python python3 node Rscript julia pytest ruff black isort flake8 mypy",
    "allowed with a file or a known module; code in an argument or from a pipe: asked",
)
MOVE = _class("change folder", "cd", "allowed inside the workspace and /tmp")
PACKAGES = _class(
    "install packages",
    "pip pip3 uv pipx poetry conda mamba micromamba npm npx yarn pnpm gem cargo go apt apt-get dpkg yum dnf "
    "apk brew snap",
    "asked; `pip list`, `show`, `freeze` and `check` are allowed",
)
NETWORK = _class(
    "talk to the network",
    "curl wget aria2c http https nc ncat netcat socat telnet ftp sftp ssh scp rsync ping dig nslookup host "
    "nmap openssl gh aws gcloud az kubectl docker podman",
    "asked; with a credential file: denied",
)
DECODE = _class(
    "decode", "base64 base32 xxd uudecode openssl gunzip zcat", "asked where it feeds a shell: denied"
)
SHELL = _class(
    "run unseen commands",
    "sh bash dash zsh ksh fish eval source . exec trap alias make ninja perl ruby php lua tclsh expect",
    "`bash -c` with a literal command: judged by it; others: asked; fed by a download or a decoder: denied",
)
WRAP = _class(
    "run another command",
    "env command builtin time timeout nice ionice stdbuf xargs parallel nohup setsid disown busybox watch "
    "script flock strace chroot unshare",
    "judged by the command; only `time`, `timeout`, `nice`, `command` and `stdbuf` can be allowed",
)
POWER = _class(
    "gain power or stay",
    "sudo su doas pkexec mkfs fdisk parted mount umount insmod modprobe shutdown reboot halt poweroff "
    "useradd usermod passwd visudo iptables nft nsenter setcap crontab at batch systemctl service shred "
    "wipefs",
    "denied",
)

CLASSES = (
    HARMLESS,
    READ,
    EDIT,
    WRITE,
    DELETE,
    MODE,
    FIND,
    GIT,
    RUN,
    MOVE,
    PACKAGES,
    NETWORK,
    DECODE,
    SHELL,
    WRAP,
    POWER,
)
