#!/bin/sh
# Records golden captures anew, from real handshakes in network namespaces: all of them, or those named, without extension.
# Needs root, tcpdump, tshark, nft, ip.
set -eu
cd "$(dirname "$0")/../.."
STORIES=$*
export STORIES
exec cargo test --test suite -- --ignored --exact captures::record_the_golden_captures
