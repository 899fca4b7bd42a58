#!/bin/sh
# Records the golden captures anew, from real handshakes in network namespaces. Needs root, tcpdump, tshark, nft, ip.
set -eu
cd "$(dirname "$0")/../.."
exec cargo test --test suite -- --ignored --exact captures::record_the_golden_captures
