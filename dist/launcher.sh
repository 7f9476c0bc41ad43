#!/bin/sh
# vswitch @VERSION@ for @SYSTEM@: this text, then a gzipped tar archive of deno and vswitch.js.
#
# The first start unpacks the archive; every start becomes deno by exec, so the process id, the signals and
# the inherited descriptors are those of the start. No network is needed, and none is asked.
#
# Two first starts may run at once: each unpacks into a folder of its own and renames the files into place,
# deno last. Files that are there but not whole (a full disk, a crash) are unpacked again. Nobody else may
# own or write to the folder, since what is in it is run.
set -eu

fail() {
	printf 'vswitch: %s\n' "$1" >&2
	exit 1
}

# Is file $1 there with all of its $2 bytes?
whole() {
	[ -n "$(find "$1" -prune -type f -size "$2c" 2>/dev/null)" ]
}

# In a process of its own: umask and traps end with it.
unpack() (
	umask 077
	[ "$(uname -sm)" = "@SYSTEM@" ] ||
		fail "Cannot run on $(uname -sm): this file is for @SYSTEM@; use the file for this machine"
	{ mkdir -p "$cache/vswitch" && part=$(mktemp -d "$cache/vswitch/unpack.XXXXXX"); } ||
		fail "Cannot unpack into $cache/vswitch: set XDG_CACHE_HOME to a folder you may write to"
	trap 'rm -rf "$part"' EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	if ! tail -n +@LINES@ "$0" | tar -xzf - -C "$part" ||
		! whole "$part/deno" @DENO_BYTES@ || ! whole "$part/vswitch.js" @BUNDLE_BYTES@; then
		fail "Cannot unpack $0: it is damaged, or $cache has less than 100 MB free; get it again or make room"
	fi
	mkdir -p "$home" || fail "Cannot unpack into $home: remove what is there"
	for name in NOTICE vswitch.js deno; do
		mv -f "$part/$name" "$home/$name" || fail "Cannot unpack into $home: remove that folder"
	done
)

cache=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
case $cache in
/*) ;;
*) fail "Cannot find a folder to unpack into: set HOME, or XDG_CACHE_HOME to an absolute path" ;;
esac
home=$cache/vswitch/@SUM@

if ! whole "$home/deno" @DENO_BYTES@ || ! whole "$home/vswitch.js" @BUNDLE_BYTES@; then
	unpack || exit
fi
[ -n "$(find "$home" -prune -type d -user "$(id -u)" ! -perm -020 ! -perm -002)" ] ||
	fail "Cannot run from $home: others own it or may write to it; remove it and start again"

export DENO_DIR="$home/deno_dir" DENO_NO_UPDATE_CHECK=1 DENO_NO_PACKAGE_JSON=1
exec "$home/deno" run @FLAGS@ "$home/vswitch.js" "$@"
# What follows is the archive.
