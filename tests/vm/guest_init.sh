#!/bin/busybox sh
# First process of a test guest: network, then an agent that runs commands.
#
# Commands come over a virtio-serial port and never over the network under test, so a broken switch
# cannot hide behind a broken harness. A request is one line, `ID SECONDS BASE64(command)`, an answer is
# `ID EXIT BASE64(output)`. Jobs run side by side; only one process writes answers (jobs tell it their ID
# through a FIFO), so that answers never mix. GUEST (number) and MTU come from the kernel command line.
export PATH=/bin:/usr/bin HOME=/
/bin/busybox --install -s /bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mkdir -p /dev/pts /tmp /jobs
mount -t devpts none /dev/pts
ln -s /proc/self/fd /dev/fd
while read -r module; do insmod "$module"; done </modules.list

hostname "guest$GUEST"
ip link set lo up
# duplicate address detection would keep the IPv6 address unusable for a second
for scope in all default eth0; do echo 0 >/proc/sys/net/ipv6/conf/$scope/accept_dad; done
[ -z "$MTU" ] || ip link set eth0 mtu "$MTU"
ip link set eth0 up
ip addr add "10.0.0.$GUEST/24" dev eth0
ip -6 addr add "fd00::$GUEST/64" dev eth0

exec 3<>/dev/vport0p1
mkfifo /jobs/finished
exec 4<>/jobs/finished
while read -r id <&4; do
  cat "/jobs/$id.answer" >&3
  rm -f "/jobs/$id".*
done &

# perform ID SECONDS BASE64: the command and all its children are one process group, which ends with it in time
perform() {
  echo "$3" | base64 -d >"/jobs/$1.sh"
  setsid sh "/jobs/$1.sh" >"/jobs/$1.out" 2>&1 </dev/null 3>&- 4>&- &
  command=$!
  setsid sh -c "sleep $2; kill -9 -$command" >/dev/null 2>&1 3>&- 4>&- &
  limit=$!
  wait $command
  code=$?
  kill -9 -$limit
  { printf '%s %s ' "$1" $code; base64 "/jobs/$1.out" | tr -d '\n'; echo; } >"/jobs/$1.answer"
  echo "$1" >&4
}

while :; do
  if read -r id seconds command <&3; then
    perform "$id" "$seconds" "$command" 2>/dev/null &
  else
    usleep 20000 # end of file: nobody is connected at the other end
  fi
done
