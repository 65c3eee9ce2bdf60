#!/bin/sh
# Install the Debian packages that a list names and that are not there yet.
set -e
wanted=""
for package in $(cat "$1"); do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok' || wanted="$wanted $package"
done
if [ -n "$wanted" ]; then
    apt-get update
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $wanted
    apt-get clean
fi
rm -rf /var/lib/apt/lists/*
