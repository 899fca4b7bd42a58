#!/usr/bin/env python3
"""Measures how long the rules take in a real Prometheus that scrapes a simulated fleet.

    fleet.py [--exporters 1000] [--sets 100] [--scrape 60] [--minutes 12] [--watched 1.0] [--again 1000] [--keep]

One process simulates all exporters. Each exporter is the server in half of its label sets and the client in the other half.
A share of its servers (--watched) are hosts of the fleet, so both ends of these paths are compared. Each label set has
attempts in every scrape. One attempt in N (--again) needs a SYN retransmission, at a different time in each label set. One
server in fifty has an outage on one of its ports.

After --minutes, the figures of Prometheus about itself are printed. The exit status is 1 if a group of rules takes longer
than a tenth of its interval. With --keep, Prometheus runs until an interrupt.

The result is the median of the last five evaluations, because the first evaluations include the start of Prometheus. Do not
use the machine for other work during the run. 3.2 million series need about 14 GiB of memory; start with --exporters 100.
Needs Prometheus and Python 3.11.
"""

import argparse
import asyncio
import contextlib
import ctypes
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib
from pathlib import Path

RULES = Path(__file__).resolve().parents[2] / "deploy/prometheus/rules"
BOUNDS = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.95, 1.95, 2.95, 4.95]
# The exposition format requires the samples of one metric family to be contiguous.
PLAIN = ["syns", "syn_retransmissions", "synacks", "synack_retransmissions", "attempts", "answered", "late_answers", "evicted"]
REASONS = ["unanswered", "refused", "unreachable", "prohibited"]
# Ports of a server. The first port of every fiftieth server has an outage.
PORTS = [3306, 443]
OUTAGE_INTERVAL = 50


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exporters", type=int, default=1000)
    parser.add_argument("--sets", type=int, default=100, help="label sets of each exporter")
    parser.add_argument("--watched", type=float, default=1.0, help="share of servers that run the exporter")
    parser.add_argument("--again", type=int, default=1000, metavar="N", help="one attempt in N needs a SYN retransmission")
    parser.add_argument("--rules", type=Path, default=RULES, help="directory of the rules, to compare two versions")
    parser.add_argument("--scrape", type=int, default=60, metavar="SECONDS", help="scrape interval")
    parser.add_argument("--minutes", type=float, default=12, help="duration of the run")
    parser.add_argument("--port", type=int, default=19190, help="port of Prometheus; the simulated exporters use the next port")
    parser.add_argument("--keep", action="store_true", help="keep Prometheus running after the report")
    options = parser.parse_args()
    if not shutil.which("prometheus"):
        sys.exit("fleet.py needs prometheus")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(asyncio.run(run(options)))


async def run(options):
    fleet = Fleet(options)
    server = await asyncio.start_server(fleet.answer, "127.0.0.1", options.port + 1, backlog=4096)
    folder = Path(tempfile.mkdtemp(prefix="fleet-"))
    prometheus = start(folder, options)
    try:
        async with server:
            end = time.time() + options.minutes * 60
            while time.time() < end and prometheus.poll() is None:
                await asyncio.sleep(1)
            if prometheus.poll() is not None:
                sys.exit((folder / "prometheus.log").read_text()[-2000:])
            slow = await asyncio.to_thread(report, options)
            if options.keep:
                print(f"Prometheus is running: http://127.0.0.1:{options.port}", flush=True)
                await asyncio.Event().wait()
            return 1 if slow else 0
    finally:
        prometheus.kill()
        prometheus.wait()
        shutil.rmtree(folder, ignore_errors=True)


class Fleet:
    """Simulates the metrics of every exporter."""

    def __init__(self, options):
        self.options = options
        self.start = time.time()
        self.pages = {}

    async def answer(self, reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                page = self.page(int(head.split(b"/", 2)[1])).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: %d\r\n\r\n" % len(page))
                writer.write(page)
                await writer.drain()

    def page(self, number):
        if number not in self.pages:
            self.pages[number] = self.template(number)
        template, sets = self.pages[number]
        seconds = time.time() - self.start + 1000
        again = self.options.again
        return template % tuple(value for family in zip(*(counts(kind, phase, again, seconds) for kind, phase in sets)) for value in family)

    def template(self, number):
        """Returns the exposition of an exporter with placeholders for the counts, and the state of each label set."""
        sets = list(self.sets(number))
        labels = [f'vantage="{v}",local_address="{l}",port="{port}",peer="{p}"' for v, l, port, p, _ in sets]
        page = [
            'tcp_handshake_exporter_build_info{version="0.1.0"} 1',
            'tcp_handshake_exporter_config_info{ports="",filter="",peer_prefix_v4="32",peer_prefix_v6="128",peer_groups=""} 1',
            'tcp_handshake_exporter_capture_up{interface="any"} 1',
            'tcp_handshake_exporter_captured_packets_total{interface="any"} 100000',
            'tcp_handshake_exporter_dropped_packets_total{interface="any",by="kernel"} 0',
            'tcp_handshake_exporter_dropped_packets_total{interface="any",by="interface"} 0',
            "tcp_handshake_exporter_overflowed_attempts_total 0",
            "tcp_handshake_exporter_clock_steps_total 0",
            "process_start_time_seconds 1000",
            f'tcp_handshake_local_address_info{{address="{address(number)}",interface="eth0"}} 1',
        ]
        families = [(f"tcp_handshake_{name}_total", "") for name in PLAIN]
        families += [("tcp_handshake_rsts_total", f',sender="{sender}"') for sender in ["client", "server"]]
        families += [("tcp_handshake_failures_total", f',reason="{reason}"') for reason in REASONS]
        families += [("tcp_handshake_latency_seconds_bucket", f',le="{bound}"') for bound in [*BOUNDS, "+Inf"]]
        families += [("tcp_handshake_latency_seconds_sum", ""), ("tcp_handshake_latency_seconds_count", "")]
        page += [f"{name}{{{own}{more}}} %d" for name, more in families for own in labels]
        kinds = [(kind, phase(local, port, peer, vantage)) for vantage, local, port, peer, kind in sets]
        return "\n".join(page) + "\n", kinds

    def sets(self, number):
        """Yields (vantage, local address, port, peer, `True` if the port works); both ends of a path agree."""
        exporters, half = self.options.exporters, self.options.sets // 2
        for distance in range(1, half + 1):
            port = PORTS[distance % len(PORTS)]
            server, client = (number + distance) % exporters, (number - distance) % exporters
            watched = (distance - 1) < half * self.options.watched
            there = address(server) if watched else address(server + 100_000)
            yield "client", address(number), port, there, works(server, port)
            yield "server", address(number), port, address(client), works(number, port)


def works(server, port):
    return server % OUTAGE_INTERVAL != 0 or port != PORTS[0]


def phase(local, port, peer, vantage):
    """Returns when a SYN retransmission is due: the same value at both ends of a path, another value for each path."""
    client, server = (local, peer) if vantage == "client" else (peer, local)
    return zlib.crc32(f"{client} {server} {port}".encode())


def counts(fine, phase, again, seconds):
    """Returns all counts of a label set: 0.2 attempts per second, either all or none of them answered."""
    attempts = int(seconds / 5)
    answered, failed = (attempts, 0) if fine else (0, attempts)
    again = (attempts + phase % again) // again if fine else 2 * attempts
    plain = [attempts + again, again, answered, 0, attempts, answered, 0, 0]
    buckets = [answered * min(n, 6) // 6 for n in range(len(BOUNDS) + 1)]
    return [*plain, 0, 0, failed, 0, 0, 0, *buckets, answered, answered]


def address(number):
    return f"10.{number // 65536}.{number // 256 % 256}.{number % 256}"


def start(folder, options):
    """Starts a Prometheus that scrapes all exporters and evaluates the unmodified rules."""
    (folder / "targets.json").write_text(json.dumps([
        {"targets": [f"127.0.0.1:{options.port + 1}"], "labels": {"__metrics_path__": f"/{number}/metrics", "instance": f"host-{number}"}}
        for number in range(options.exporters)]))
    config = folder / "prometheus.yml"
    config.write_text(
        f"global: {{scrape_interval: {options.scrape}s, evaluation_interval: 1m}}\n"
        f"rule_files: ['{options.rules.resolve()}/*.yml']\n"
        "scrape_configs:\n"
        "- {job_name: tcp_handshake, file_sd_configs: [{files: [targets.json]}]}\n"
        f"- {{job_name: prometheus, scrape_interval: 5s, static_configs: [{{targets: ['127.0.0.1:{options.port}']}}]}}\n")
    log = (folder / "prometheus.log").open("w")
    return subprocess.Popen(
        ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data", "--log.level=warn",
         f"--web.listen-address=127.0.0.1:{options.port}", "--query.timeout=2m"],
        stdout=log, stderr=log, preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))


def report(options):
    """Prints the figures of Prometheus about itself. Returns the groups that are too slow."""
    def get(path, **arguments):
        url = f"http://127.0.0.1:{options.port}/api/v1/{path}?{urllib.parse.urlencode(arguments)}"
        with urllib.request.urlopen(url, timeout=120) as answer:
            return json.load(answer)["data"]

    def one(query):
        result = get("query", query=query)["result"]
        return float(result[0]["value"][1]) if result else 0.0

    for title, query in FIGURES:
        print(f"{title:40} {one(query):12.{0 if one(query) >= 100 else 2}f}")
    recorded = [one(f"count({{__name__='{name}'}})") for name in get("label/__name__/values") if ":" in name]
    print(f"{'series recorded by the rules':40} {sum(recorded):12.0f}")
    slow = []
    for group in get("rules")["groups"]:
        durations = 'prometheus_rule_group_last_duration_seconds{rule_group=~".*;%s"}[5m]' % group["name"]
        median, longest = one(f"quantile_over_time(0.5, {durations})"), one(f"max_over_time({durations})")
        print(f"\n{group['name']}: {median:.2f} s every {group['interval']} s (at most {longest:.2f} s), {len(group['rules'])} rules")
        for rule in sorted(group["rules"], key=lambda rule: -rule["evaluationTime"])[:4]:
            print(f"    {rule['evaluationTime']:7.3f} s  {rule['name']} {rule['health']} {rule.get('lastError', '')}")
        if median > group["interval"] / 10:
            slow.append(group["name"])
    print("\ngroups longer than a tenth of their interval: " + (", ".join(slow) or "none"), flush=True)
    return slow


# Title and query of each figure in the report.
FIGURES = [
    ("exporters scraped", 'sum(up{job="tcp_handshake"})'),
    ("series in memory", "prometheus_tsdb_head_series"),
    ("samples per second", "rate(prometheus_tsdb_head_samples_appended_total[3m])"),
    ("resident memory, GiB", 'process_resident_memory_bytes{job="prometheus"} / 2^30'),
    ("CPU seconds per second", 'rate(process_cpu_seconds_total{job="prometheus"}[3m])'),
    ("slowest scrape, s", 'max(scrape_duration_seconds{job="tcp_handshake"})'),
    ("paths compared", "count(path:tcp_handshake_loss_location:info5m)"),
    ("compared paths that are not fine", 'count(path:tcp_handshake_loss_location:info5m{where!="fine"})'),
    ("firing alerts", 'count(ALERTS{alertstate="firing"})'),
    ("missed evaluations", "sum(prometheus_rule_group_iterations_missed_total)"),
]
LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    main()
