# Installs a package into an overlay of this host's file system in memory, which is removed with this shell. Runs in
# separate mount and network namespaces. Prints one line per fact.
set -eu
package=$1 scratch=$2
mount -t tmpfs none "$scratch"
mkdir "$scratch/upper" "$scratch/work" "$scratch/root"
root=$scratch/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$scratch/upper,workdir=$scratch/work" "$root"
cp "$package" "$root/package.deb"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
ip link set lo up
inside() { chroot "$root" "$@"; }
report() { echo "$1: $2"; }

inside dpkg -i /package.deb >/dev/null
report installed "$(inside dpkg-query -W -f '${Status}' tcp-handshake-exporter)"
report enabled "$(readlink "$root/etc/systemd/system/multi-user.target.wants/tcp_handshake_exporter.service")"
report verified "$(inside systemd-analyze verify --man=no tcp_handshake_exporter.service 2>&1)"
report manual "$(inside man -w tcp_handshake_exporter-diagnose)"

# Starts the program as the unit does: its command, its settings, its one capability.
echo 'ARGS="-i lo --web.listen-address 127.0.0.1:10099"' >"$root/etc/default/tcp_handshake_exporter"
command=$(sed -n 's/^ExecStart=//p' "$root"/usr/lib/systemd/system/tcp_handshake_exporter.service)
chroot "$root" setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs --inh-caps=-all,+net_raw --ambient-caps=+net_raw \
  --bounding-set=-all,+net_raw sh -c ". /etc/default/tcp_handshake_exporter; exec $command" >"$scratch/log" 2>&1 &
program=$!
scrape() { inside curl --silent --fail --retry 40 --retry-connrefused --retry-delay 1 "http://127.0.0.1:10099$1"; }
report ready "$(scrape /-/ready)"
report captures "$(scrape /metrics | grep '^tcp_handshake_exporter_capture_up')"
kill -TERM "$program"
wait "$program" && report stopped "with status 0"

# Installing again keeps the settings.
inside dpkg -i /package.deb >/dev/null
report kept "$(cat "$root/etc/default/tcp_handshake_exporter")"

inside dpkg --remove tcp-handshake-exporter >/dev/null 2>&1
report removed "$(inside sh -c 'command -v tcp_handshake_exporter' || echo gone), settings $(inside ls /etc/default/tcp_handshake_exporter)"
inside dpkg --purge tcp-handshake-exporter >/dev/null 2>&1
report purged "$(inside dpkg-query -W tcp-handshake-exporter 2>&1 || true)"
rm "$root/package.deb"
# Ignores files that the package manager keeps for every package, and files in temporary folders.
find "$scratch/upper" ! -type d | sed "s#^$scratch/upper##" |
  grep -Ev '^/(run|tmp|var/(lib/dpkg|log|cache)|etc/ld.so.cache)' | sed 's/^/left: /'
find "$root/etc" "$root/usr" "$root/var/lib/systemd" -xdev -name '*tcp?handshake?exporter*' | sed 's/^/left: /'
