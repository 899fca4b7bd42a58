# Builds the root file system of the image, and runs its program and its health check in separate namespaces.
set -eu
root=$2/image
"$3" "$1" "$root"
cp /bin/busybox "$root/usr/bin/wget"
mkdir "$root/proc" "$root/dev"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
ip link set lo up
health() { chroot "$root" /usr/bin/wget -q -O /dev/null http://127.0.0.1:10077/-/healthy 2>/dev/null; }
health && echo 'healthy before it runs' || echo 'not healthy before it runs'
chroot "$root" /usr/bin/tcp_handshake_exporter >"$2/log" 2>&1 &
program=$!
for _ in $(seq 100); do health && break || sleep 0.2; done
health && echo 'healthy' || cat "$2/log"
curl --silent http://127.0.0.1:10077/metrics | grep '^tcp_handshake_exporter_capture_up'
kill -TERM "$program"
wait "$program" && echo 'stopped'
