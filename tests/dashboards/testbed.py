#!/usr/bin/env python3
"""Runs a test network for the dashboards: hosts in network namespaces, an exporter on each host, and one Prometheus.

    testbed.py --exporter PATH [--healthy SECONDS] [--faults SECONDS] [--scrape SECONDS] [-- COMMAND [ARGUMENT...]]

Generates healthy traffic, then traffic with faults, then runs COMMAND in the namespace of Prometheus
(http://127.0.0.1:9090). The environment of COMMAND contains the start times TESTBED_HEALTHY and TESTBED_FAULTS, and
TESTBED_END (Unix time). Traffic continues until COMMAND ends. Without a COMMAND, traffic continues until an interrupt.
Exits with the status of COMMAND and removes all namespaces, processes and files.
Needs root, iproute2, nftables, Prometheus and Python 3.11.

                                        fw: router, Prometheus
    web-1 web-2 batch-1 office  ---+-----------+------------+---  api-1 db-1 db-2 cache-1 edge-1

Each host has its own link with its own delay, so latencies differ.
"""

import argparse
import asyncio
import contextlib
import ctypes
import fcntl
import math
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# name: (network of its link, one-way delay in milliseconds, flags of its exporter)
HOSTS = {
    "web-1": (11, 0.0, ["--capture.acks"]),
    "web-2": (12, 0.0, []),
    "batch-1": (13, 1.2, []),
    "office": (90, 14.0, []),
    "api-1": (21, 2.0, []),
    "db-1": (22, 0.0, ["--capture.acks"]),
    "db-2": (23, 5.0, []),
    "cache-1": (24, 0.0, []),
    # This exporter becomes unreliable: its tables are small, and one interface goes down.
    "edge-1": (25, 0.0, ["-i", "eth0", "-i", "spare", "--labels.max-sets", "24", "--handshake.max-attempts", "256"]),
}
MONITOR = "fw"
OFFICE_ADDRESSES = range(2, 32)
UNREACHABLE = 29  # a network with an unreachable route on the router after the faults start
# Shape of the gamma distribution of pauses between connects. Compared with exponential pauses, the relative deviation is smaller
# by the square root of this value.
PAUSE_SHAPE = 4

# host: {port: backlog}
SERVERS = {
    "web-1": {443: 128},
    "web-2": {443: 128},
    "api-1": {8080: 6, 8443: 128, 9200: 128},
    "db-1": {3306: 128},
    "db-2": {5432: 128},
    "cache-1": {6379: 128},
    "edge-1": {25: 128},
}

# client, server's network, port, mean connects per second, connects at once, address family
# Each rate is high enough for the five SYNs that a fault location requires: in a window of eight seconds, at the minimum of the
# sine wave, and with several connects at once.
TRAFFIC = [
    ("office", 11, 443, 5.0, 1, 4),
    ("office", 12, 443, 4.0, 1, 4),
    ("web-1", 21, 8080, 4.0, 1, 4),
    ("web-2", 21, 8080, 3.0, 1, 4),
    ("web-1", 24, 6379, 6.0, 2, 4),
    ("web-2", 24, 6379, 5.0, 2, 4),
    ("web-1", 22, 3306, 6.0, 3, 4),
    ("web-2", 22, 3306, 5.0, 3, 4),
    ("batch-1", 22, 3306, 3.0, 1, 4),
    ("batch-1", 23, 5432, 3.0, 1, 6),
    ("web-1", 23, 5432, 3.0, 1, 4),
    ("batch-1", 21, 8443, 4.0, 1, 4),
    ("web-2", 21, 8443, 3.0, 1, 6),
    ("batch-1", 21, 9200, 3.0, 1, 4),
    ("web-1", 25, 25, 1.0, 1, 4),
]

HEALTHY = """
table inet testbed {
  chain forward {
    type filter hook forward priority 0;
    # Background packet loss.
    tcp dport 5432 tcp flags & (syn | ack) == syn numgen random mod 1000 < 4 drop
  }
}
"""

FAULTS = """
flush chain inet testbed forward
table inet testbed {
  chain forward {
    # Loss on the way to the server: SYNs of one client, and of another client to a server that never saw it before.
    iifname "batch-1" tcp dport 3306 tcp flags & (syn | ack) == syn drop
    iifname "web-2" tcp dport 5432 tcp flags & (syn | ack) == syn drop
    # Loss on the way back: SYN/ACKs to one client.
    oifname "web-2" tcp sport 6379 tcp flags & (syn | ack) == (syn | ack) drop
    # A lossy link.
    tcp dport 5432 tcp flags & (syn | ack) == syn numgen random mod 100 < 25 drop
    # A firewall that rejects.
    tcp dport 9200 reject with icmpx type admin-prohibited
  }
}
"""

DROP_FLOODED_PORT = """
table inet testbed {
  chain input {
    type filter hook input priority 0;
    tcp dport 7000 drop
  }
}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exporter", type=Path, required=True, help="the exporter to run on each host")
    parser.add_argument("--healthy", type=float, default=60, metavar="SECONDS")
    parser.add_argument("--faults", type=float, default=60, metavar="SECONDS")
    parser.add_argument("--scrape", type=int, default=2, metavar="SECONDS", help="scrape interval")
    parser.add_argument("command", nargs="*", help="command to run in the namespace of Prometheus")
    options = parser.parse_args()
    for program in ["ip", "nft", "prometheus", str(options.exporter)]:
        if not shutil.which(program):
            sys.exit(f"testbed.py needs {program}")
    if os.geteuid() != 0:
        sys.exit("testbed.py creates network namespaces: run it as root")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with contextlib.suppress(KeyboardInterrupt), Testbed() as testbed:
        sys.exit(asyncio.run(testbed.run_scenario(options)))


class Testbed:
    """All hosts and processes. Leaving the context removes them."""

    def __enter__(self):
        self.prefix = f"testbed-{os.getpid()}-"
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.folder = Path(tempfile.mkdtemp(prefix=self.prefix))
        self.namespaces, self.processes, self.tasks = {}, {}, []
        return self

    def __exit__(self, *_):
        for process in self.processes.values():
            process.kill()
            process.wait()
        for host in self.namespaces:
            subprocess.run(["ip", "netns", "delete", self.prefix + host], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    async def run_scenario(self, options):
        self.build()
        for host, (_, _, flags) in HOSTS.items():
            self.run(host, f"exporter {host}", [options.exporter, *flags])
        self.run(MONITOR, f"exporter {MONITOR}", [options.exporter])
        self.start_prometheus(options.scrape)
        servers = {host: self.serve(host, ports) for host, ports in SERVERS.items()}
        for line in TRAFFIC:
            self.start(self.connects(*line))
        healthy = time.time()
        await asyncio.sleep(options.healthy)
        faults = time.time()
        self.inject_faults(servers)
        await asyncio.sleep(options.faults * 0.6)
        # Late in the run, one exporter goes down, for the dashboard of the exporters.
        self.processes["exporter office"].kill()
        await asyncio.sleep(options.faults * 0.4)
        print("testbed.py: running with faults", file=sys.stderr, flush=True)
        if not options.command:
            await asyncio.Event().wait()
        moments = {"TESTBED_HEALTHY": healthy, "TESTBED_FAULTS": faults, "TESTBED_END": time.time()}
        environment = os.environ | {name: f"{at:.0f}" for name, at in moments.items()} | {"TESTBED": self.prefix + MONITOR}
        command = ["ip", "netns", "exec", self.prefix + MONITOR, *options.command]
        return await (await asyncio.create_subprocess_exec(*command, env=environment)).wait()

    # Hosts and links

    def build(self):
        for host in [MONITOR, *HOSTS]:
            call(["ip", "netns", "add", self.prefix + host])
            self.namespaces[host] = os.open(f"/run/netns/{self.prefix}{host}", os.O_RDONLY)
            self.set(host, "net.ipv6.conf.default.accept_dad", 0)
            self.set(host, "net.ipv4.ip_local_port_range", "20000 60000")
            self.ip(host, "link set lo up")
        for parameter, value in [("net.ipv4.ip_forward", 1), ("net.ipv6.conf.all.forwarding", 1),
                                 ("net.ipv4.icmp_ratelimit", 0), ("net.ipv6.icmp.ratelimit", 0)]:
            self.set(MONITOR, parameter, value)
        self.ip(MONITOR, "addr add 10.0.0.1/32 dev lo\naddr add 2001:db8::1/128 dev lo")
        self.nft(MONITOR, HEALTHY)
        for host, (network, delay, _) in HOSTS.items():
            self.link(host, delay)
            self.ip(host, f"addr add 10.0.{network}.2/24 dev eth0\naddr add 2001:db8:{network}::2/64 dev eth0 nodad\n"
                          "route add default dev eth0\nroute add ::/0 dev eth0")
            self.ip(MONITOR, f"route add 10.0.{network}.0/24 dev {host}\nroute add 2001:db8:{network}::/64 dev {host}")
        for number in OFFICE_ADDRESSES:
            if number > 2:
                self.ip("office", f"addr add 10.0.{HOSTS['office'][0]}.{number}/24 dev eth0")
        self.ip("edge-1", "link add spare type bridge\nlink set spare up")

    def link(self, host, delay):
        """Connects a host to the router by two tunnel devices. The event loop forwards packets with the delay."""
        ends = [self.tunnel(host, "eth0"), self.tunnel(MONITOR, host)]
        loop = asyncio.get_running_loop()
        for here, there in [ends, ends[::-1]]:
            loop.add_reader(here, self.forward, loop, here, there, delay / 1000)

    @staticmethod
    def forward(loop, here, there, delay):
        with contextlib.suppress(BlockingIOError):
            while True:
                packet = os.read(here, 65536)
                if delay == 0:
                    write_packet(there, packet)
                else:
                    loop.call_later(delay * random.lognormvariate(0, 0.35), write_packet, there, packet)

    def tunnel(self, host, name):
        with self.inside(host):
            device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
        self.ip(host, f"link set {name} up")
        return device

    @contextlib.contextmanager
    def inside(self, host):
        """Enters the host's namespace. Sockets created here stay in it."""
        enter_namespace(self.namespaces[host])
        try:
            yield
        finally:
            enter_namespace(self.home)

    def run(self, host, name, command):
        log = (self.folder / f"{name}.log").open("w")
        arguments = ["ip", "netns", "exec", self.prefix + host, *map(str, command)]
        # The processes end with this one, even if it is killed.
        self.processes[name] = subprocess.Popen(
            arguments, stdout=log, stderr=log, preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))

    def ip(self, host, lines):
        call(["ip", "-netns", self.prefix + host, "-batch", "-"], lines)

    def nft(self, host, rules):
        call(["ip", "netns", "exec", self.prefix + host, "nft", "-f", "-"], rules)

    def set(self, host, parameter, value):
        path = Path("/proc/sys", *parameter.split("."))
        with self.inside(host):
            if path.exists():
                path.write_text(str(value))

    def start_prometheus(self, seconds):
        targets = {host: f"10.0.{network}.2" for host, (network, _, _) in HOSTS.items()} | {MONITOR: "127.0.0.1"}
        jobs = "".join(
            f"    - targets: ['{address}:10077']\n      labels: {{instance: {host}}}\n" for host, address in targets.items())
        rules = self.folder / "rules.yml"
        rules.write_text(with_short_windows(RULES.read_text(), seconds))
        config = self.folder / "prometheus.yml"
        config.write_text(f"global: {{scrape_interval: {seconds}s, scrape_timeout: {seconds}s, evaluation_interval: {seconds}s}}\n"
                          f"rule_files: ['{rules}']\n"
                          f"scrape_configs:\n- job_name: tcp_handshake\n  static_configs:\n{jobs}")
        self.run(MONITOR, "prometheus", [
            "prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.folder}/data",
            "--web.listen-address=127.0.0.1:9090", "--log.level=warn"])

    # Servers and clients

    def serve(self, host, ports):
        loop = asyncio.get_running_loop()
        listeners = {}
        for port, backlog in ports.items():
            with self.inside(host):
                listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setblocking(False)
            listener.bind(("::", port))
            listener.listen(backlog)
            loop.add_reader(listener, self.accept, listener, port)
            listeners[port] = listener
        return listeners

    @staticmethod
    def accept(listener, port):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                if port == 6379 and random.random() < 0.1:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()

    async def connects(self, client, network, port, rate, pool, family):
        server = f"10.0.{network}.2" if family == 4 else f"2001:db8:{network}::2"
        while True:
            wave = 1 + 0.35 * math.sin(time.time() / 45 + port)
            # Pauses vary less than exponential ones, which would leave some windows without a connect.
            await asyncio.sleep(random.gammavariate(PAUSE_SHAPE, pool / (rate * wave * PAUSE_SHAPE)))
            for _ in range(pool):
                self.start(self.connect(client, server, port, family))

    async def connect(self, client, server, port, family):
        with self.inside(client):
            attempt = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_STREAM)
        with attempt, contextlib.suppress(OSError):
            attempt.setblocking(False)
            if client == "office":
                attempt.bind((f"10.0.{HOSTS['office'][0]}.{random.choice(OFFICE_ADDRESSES)}", 0))
            async with asyncio.timeout(8):
                await asyncio.get_running_loop().sock_connect(attempt, (server, port))
                await asyncio.sleep(0.05)

    def start(self, work):
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.append(task)
        task.add_done_callback(self.tasks.remove)

    # Faults

    def inject_faults(self, servers):
        loop = asyncio.get_running_loop()
        self.nft(MONITOR, FAULTS)
        self.ip(MONITOR, f"route add unreachable 10.0.{UNREACHABLE}.0/24")
        # One server goes down, and another one stops calling accept.
        down, stuck = servers["api-1"][8443], servers["api-1"][8080]
        loop.remove_reader(down)
        down.close()
        loop.remove_reader(stuck)
        # A host is removed, and its client continues to connect, at a low rate. For an unreachable route, Linux sends one ICMP error
        # per second to each source (after a burst of five, for any icmp_ratelimit), so further attempts would be unanswered.
        self.start(self.connects("web-1", UNREACHABLE, 8500, 0.3, 1, 4))
        # A new client of a server. The router drops its SYNs, so the server never sees it.
        self.start(self.connects("web-2", HOSTS["db-2"][0], 5432, 2.0, 1, 4))
        # A flood from spoofed addresses to a port on which the host drops SYNs.
        self.nft("edge-1", DROP_FLOODED_PORT)
        self.start(self.flood("office", 25, 7000))
        self.ip("edge-1", "link set spare down")

    async def flood(self, client, network, port):
        with self.inside(client):
            raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        target = socket.inet_aton(f"10.0.{network}.2")
        while True:
            source = struct.pack("!BBH", 198, 18, random.randrange(65536))
            segment = struct.pack("!HHIIBBHHH", random.randrange(1024, 65536), port, random.randrange(2**32), 0,
                                  5 << 4, SYN, 1024, 0, 0)
            header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, random.randrange(1, 65536), 0, 64, 6, 0, source, target)
            raw.sendto(header + segment, (f"10.0.{network}.2", 0))
            await asyncio.sleep(random.expovariate(80))


def with_short_windows(rules, seconds):
    """Returns the rules with five minutes shortened to eight scrape intervals and one minute to one scrape interval."""
    window = 8 * seconds
    for long, short in [("[5m]", f"[{window}s]"), ("offset 5m", f"offset {window}s"), ("offset 1m", f"offset {seconds}s"),
                        ("< bool 300", f"< bool {window}"), (">= 300", f">= {window}"), ("/ 300", f"/ {window}"),
                        ("interval: 1m", f"interval: {seconds}s")]:
        rules = rules.replace(long, short)
    return rules


def write_packet(device, packet):
    with contextlib.suppress(OSError):
        os.write(device, packet)


def call(command, text=""):
    done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"testbed.py: {' '.join(command)}: {done.stderr}{text}")


def enter_namespace(namespace):
    if LIBC.setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


RULES = Path(__file__).resolve().parents[2] / "deploy/prometheus/rules/tcp_handshake_recording.yml"
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
SYN = 0x02

if __name__ == "__main__":
    main()
