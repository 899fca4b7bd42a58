#!/usr/bin/env python3
"""A stage for the dashboards: a small company in network namespaces, with an exporter on every host and a Prometheus.

    stage.py --exporter PATH [--healthy SECONDS] [--faults SECONDS] [--scrape SECONDS] [-- COMMAND [ARGUMENT...]]

Plays a healthy time, then a time with faults, then runs COMMAND beside the Prometheus (http://127.0.0.1:9090) with the
moments STAGE_HEALTHY, STAGE_FAULTS and STAGE_END (Unix time) in its environment; the play goes on until COMMAND ends.
Without a COMMAND it plays until it is interrupted. It ends with COMMAND's status and leaves nothing behind.
Needs root, iproute2, nftables, Prometheus and Python 3.11.

                                        fw: router, Prometheus
    web-1 web-2 batch-1 office  ---+-----------+------------+---  api-1 db-1 db-2 cache-1 edge-1

Every line is a wire of its own with its own delay, so that latencies look like something.
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

# name: (network of its wire, one-way delay in milliseconds, what its exporter is told)
HOSTS = {
    "web-1": (11, 0.0, ["--capture.acks"]),
    "web-2": (12, 0.0, []),
    "batch-1": (13, 1.2, []),
    "office": (90, 14.0, []),
    "api-1": (21, 2.0, []),
    "db-1": (22, 0.0, ["--capture.acks"]),
    "db-2": (23, 5.0, []),
    "cache-1": (24, 0.0, []),
    # Its exporter will not be trusted.
    "edge-1": (25, 0.0, ["-i", "eth0", "-i", "spare", "--labels.max-sets", "24", "--handshake.max-attempts", "256"]),
}
WATCHER = "fw"
OFFICE_DESKS = range(2, 32)
NOBODY = 29  # a network that the router knows to be unreachable from the time of the faults on
# Of pauses between connects: the square root of it is how many times less they vary than by mere chance.
STEADINESS = 4

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

# client, server's network, port, connects a second (on average: at the slowest of the wave, a window of eight seconds still has far
# more than the five SYNs that a verdict takes, also where several are sent at once), how many at once, address family
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
table inet stage {
  chain forward {
    type filter hook forward priority 0;
    # No line is perfect.
    tcp dport 5432 tcp flags & (syn | ack) == syn numgen random mod 1000 < 4 drop
  }
}
"""

FAULTS = """
flush chain inet stage forward
table inet stage {
  chain forward {
    # The way there: one client's SYNs are dropped; and another's to a server that never saw it before.
    iifname "batch-1" tcp dport 3306 tcp flags & (syn | ack) == syn drop
    iifname "web-2" tcp dport 5432 tcp flags & (syn | ack) == syn drop
    # The way back: SYN/ACKs to one client are dropped.
    oifname "web-2" tcp sport 6379 tcp flags & (syn | ack) == (syn | ack) drop
    # A lossy line.
    tcp dport 5432 tcp flags & (syn | ack) == syn numgen random mod 100 < 25 drop
    # A firewall that says so.
    tcp dport 9200 reject with icmpx type admin-prohibited
  }
}
"""

FLOODED = """
table inet stage {
  chain input {
    type filter hook input priority 0;
    tcp dport 7000 drop
  }
}
"""


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--exporter", type=Path, required=True, help="the program to run on every host")
    words.add_argument("--healthy", type=float, default=60, metavar="SECONDS")
    words.add_argument("--faults", type=float, default=60, metavar="SECONDS")
    words.add_argument("--scrape", type=int, default=2, metavar="SECONDS", help="the interval of the scrapes")
    words.add_argument("command", nargs="*", help="what to run beside the Prometheus")
    options = words.parse_args()
    for program in ["ip", "nft", "prometheus", str(options.exporter)]:
        if not shutil.which(program):
            sys.exit(f"stage.py needs {program}")
    if os.geteuid() != 0:
        sys.exit("stage.py makes network namespaces: run it as root")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with contextlib.suppress(KeyboardInterrupt), Stage() as stage:
        sys.exit(asyncio.run(stage.play(options)))


class Stage:
    """All hosts, all processes; gone when left."""

    def __enter__(self):
        self.prefix = f"stage-{os.getpid()}-"
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.folder = Path(tempfile.mkdtemp(prefix=self.prefix))
        self.doors, self.processes, self.tasks = {}, {}, []
        return self

    def __exit__(self, *_):
        for process in self.processes.values():
            process.kill()
            process.wait()
        for host in self.doors:
            subprocess.run(["ip", "netns", "delete", self.prefix + host], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    async def play(self, options):
        self.build()
        for host, (_, _, flags) in HOSTS.items():
            self.run(host, f"exporter {host}", [options.exporter, *flags])
        self.run(WATCHER, f"exporter {WATCHER}", [options.exporter])
        self.watch(options.scrape)
        servers = {host: self.serve(host, ports) for host, ports in SERVERS.items()}
        for line in TRAFFIC:
            self.start(self.connects(*line))
        healthy = time.time()
        await asyncio.sleep(options.healthy)
        faults = time.time()
        self.break_things(servers)
        await asyncio.sleep(options.faults * 0.6)
        # Late in the play, for the dashboard of the exporters: one of them is gone.
        self.processes["exporter office"].kill()
        await asyncio.sleep(options.faults * 0.4)
        print("stage.py: the play is on", file=sys.stderr, flush=True)
        if not options.command:
            await asyncio.Event().wait()
        moments = {"STAGE_HEALTHY": healthy, "STAGE_FAULTS": faults, "STAGE_END": time.time()}
        environment = os.environ | {name: f"{at:.0f}" for name, at in moments.items()} | {"STAGE": self.prefix + WATCHER}
        command = ["ip", "netns", "exec", self.prefix + WATCHER, *options.command]
        return await (await asyncio.create_subprocess_exec(*command, env=environment)).wait()

    # Hosts and wires

    def build(self):
        for host in [WATCHER, *HOSTS]:
            call(["ip", "netns", "add", self.prefix + host])
            self.doors[host] = os.open(f"/run/netns/{self.prefix}{host}", os.O_RDONLY)
            self.set(host, "net.ipv6.conf.default.accept_dad", 0)
            self.set(host, "net.ipv4.ip_local_port_range", "20000 60000")
            self.ip(host, "link set lo up")
        for parameter, value in [("net.ipv4.ip_forward", 1), ("net.ipv6.conf.all.forwarding", 1),
                                 ("net.ipv4.icmp_ratelimit", 0), ("net.ipv6.icmp.ratelimit", 0)]:
            self.set(WATCHER, parameter, value)
        self.ip(WATCHER, "addr add 10.0.0.1/32 dev lo\naddr add 2001:db8::1/128 dev lo")
        self.nft(WATCHER, HEALTHY)
        for host, (network, delay, _) in HOSTS.items():
            self.wire(host, delay)
            self.ip(host, f"addr add 10.0.{network}.2/24 dev eth0\naddr add 2001:db8:{network}::2/64 dev eth0 nodad\n"
                          "route add default dev eth0\nroute add ::/0 dev eth0")
            self.ip(WATCHER, f"route add 10.0.{network}.0/24 dev {host}\nroute add 2001:db8:{network}::/64 dev {host}")
        for desk in OFFICE_DESKS:
            if desk > 2:
                self.ip("office", f"addr add 10.0.{HOSTS['office'][0]}.{desk}/24 dev eth0")
        self.ip("edge-1", "link add spare type bridge\nlink set spare up")

    def wire(self, host, delay):
        """A pair of tunnel devices and a process in the middle that takes its time."""
        ends = [self.tunnel(host, "eth0"), self.tunnel(WATCHER, host)]
        loop = asyncio.get_running_loop()
        for here, there in [ends, ends[::-1]]:
            loop.add_reader(here, self.carry, loop, here, there, delay / 1000)

    @staticmethod
    def carry(loop, here, there, delay):
        with contextlib.suppress(BlockingIOError):
            while True:
                packet = os.read(here, 65536)
                if delay == 0:
                    drop_in(there, packet)
                else:
                    loop.call_later(delay * random.lognormvariate(0, 0.35), drop_in, there, packet)

    def tunnel(self, host, name):
        with self.inside(host):
            device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
        self.ip(host, f"link set {name} up")
        return device

    @contextlib.contextmanager
    def inside(self, host):
        """Sockets made here stay in the host's namespace."""
        move(self.doors[host])
        try:
            yield
        finally:
            move(self.home)

    def run(self, host, name, command):
        log = (self.folder / f"{name}.log").open("w")
        words = ["ip", "netns", "exec", self.prefix + host, *map(str, command)]
        # They end with the stage, even where it is killed.
        self.processes[name] = subprocess.Popen(
            words, stdout=log, stderr=log, preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))

    def ip(self, host, lines):
        call(["ip", "-netns", self.prefix + host, "-batch", "-"], lines)

    def nft(self, host, rules):
        call(["ip", "netns", "exec", self.prefix + host, "nft", "-f", "-"], rules)

    def set(self, host, parameter, value):
        path = Path("/proc/sys", *parameter.split("."))
        with self.inside(host):
            if path.exists():
                path.write_text(str(value))

    def watch(self, seconds):
        targets = {host: f"10.0.{network}.2" for host, (network, _, _) in HOSTS.items()} | {WATCHER: "127.0.0.1"}
        jobs = "".join(
            f"    - targets: ['{address}:10077']\n      labels: {{instance: {host}}}\n" for host, address in targets.items())
        rules = self.folder / "rules.yml"
        rules.write_text(in_short(RULES.read_text(), seconds))
        config = self.folder / "prometheus.yml"
        config.write_text(f"global: {{scrape_interval: {seconds}s, scrape_timeout: {seconds}s, evaluation_interval: {seconds}s}}\n"
                          f"rule_files: ['{rules}']\n"
                          f"scrape_configs:\n- job_name: tcp_handshake\n  static_configs:\n{jobs}")
        self.run(WATCHER, "prometheus", [
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
            # Pauses vary, but less than by mere chance, which leaves a window empty now and then.
            await asyncio.sleep(random.gammavariate(STEADINESS, pool / (rate * wave * STEADINESS)))
            for _ in range(pool):
                self.start(self.connect(client, server, port, family))

    async def connect(self, client, server, port, family):
        with self.inside(client):
            attempt = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_STREAM)
        with attempt, contextlib.suppress(OSError):
            attempt.setblocking(False)
            if client == "office":
                attempt.bind((f"10.0.{HOSTS['office'][0]}.{random.choice(OFFICE_DESKS)}", 0))
            async with asyncio.timeout(8):
                await asyncio.get_running_loop().sock_connect(attempt, (server, port))
                await asyncio.sleep(0.05)

    def start(self, work):
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.append(task)
        task.add_done_callback(self.tasks.remove)

    # What breaks

    def break_things(self, servers):
        loop = asyncio.get_running_loop()
        self.nft(WATCHER, FAULTS)
        self.ip(WATCHER, f"route add unreachable 10.0.{NOBODY}.0/24")
        # One server goes down, another one no longer accepts.
        down, stuck = servers["api-1"][8443], servers["api-1"][8080]
        loop.remove_reader(down)
        down.close()
        loop.remove_reader(stuck)
        # A machine is taken away: its clients do not know yet. Seldom: for a route that is not there Linux sends one ICMP error a
        # second to each source (after five at once, whatever icmp_ratelimit says), and the rest would be unanswered.
        self.start(self.connects("web-1", NOBODY, 8500, 0.3, 1, 4))
        # A new client of a server, which the router does not know of.
        self.start(self.connects("web-2", HOSTS["db-2"][0], 5432, 2.0, 1, 4))
        # A flood from addresses that do not exist, to a port that the host drops.
        self.nft("edge-1", FLOODED)
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


def in_short(rules, seconds):
    """The recording rules with a window of eight scrapes for five minutes, and one scrape for a minute."""
    window = 8 * seconds
    for long, short in [("[5m]", f"[{window}s]"), ("offset 5m", f"offset {window}s"), ("offset 1m", f"offset {seconds}s"),
                        ("< bool 300", f"< bool {window}"), (">= 300", f">= {window}"), ("/ 300", f"/ {window}"),
                        ("interval: 1m", f"interval: {seconds}s")]:
        rules = rules.replace(long, short)
    return rules


def drop_in(device, packet):
    with contextlib.suppress(OSError):
        os.write(device, packet)


def call(command, text=""):
    done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"stage.py: {' '.join(command)}: {done.stderr}{text}")


def move(door):
    if LIBC.setns(door, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


RULES = Path(__file__).resolve().parents[2] / "deploy/prometheus/rules/tcp_handshake_recording.yml"
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
SYN = 0x02

if __name__ == "__main__":
    main()
