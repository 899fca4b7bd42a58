#!/bin/sh
# Records golden captures from real handshakes in network namespaces: all of them, or those given without extension.
# Requires root, tcpdump, tshark, nft and ip.
set -eu
cd "$(dirname "$0")/../.."
CAPTURES=$*
export CAPTURES
exec cargo test --test suite -- --ignored --exact captures::record_golden_captures
