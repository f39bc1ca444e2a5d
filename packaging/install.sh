#!/bin/sh
# Installs ipfix-enricher on Debian 10 or newer, Ubuntu 20.04 or newer. What is there is renewed,
# configurations are never overwritten.
#
#   install.sh [--binary FILE] [--root DIR]
#   install.sh --uninstall [--purge] [--root DIR]
#
#   --binary FILE  installs this program; without it, cargo builds it from this checkout
#   --root DIR     installs below DIR and touches neither users nor services of this host
#   --uninstall    removes everything but configuration, state and logs
#   --purge        removes these too, and the user

set -eu

program=ipfix-enricher
user=ipfix-enricher
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=""
binary=""
action=install
purge=no

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

while [ $# -gt 0 ]; do
    case "$1" in
        --binary) binary=${2:?--binary needs a file}; shift ;;
        --root) root=${2:?--root needs a directory}; shift ;;
        --uninstall) action=uninstall ;;
        --purge) purge=yes ;;
        -h | --help) sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) fail "$1: no such option; --help names them" ;;
    esac
    shift
done

[ -n "$root" ] || [ "$(id -u)" = 0 ] || fail "this must be run as root, or with --root DIR"

# Of a running systemd; a chroot and a container may have none.
services() {
    [ -z "$root" ] && [ -d /run/systemd/system ] && systemctl "$@"
}

find_binary() {
    if [ -z "$binary" ]; then
        command -v cargo >/dev/null || fail "no cargo; name a program with --binary FILE"
        (cd "$here/.." && cargo build --release --locked --package enricherd)
        binary="${CARGO_TARGET_DIR:-$here/../target}/release/$program"
    fi
    [ -x "$binary" ] || fail "$binary: no such program"
}

add_user() {
    [ -z "$root" ] || return 0
    getent passwd "$user" >/dev/null && return 0
    useradd --system --user-group --home-dir /nonexistent --no-create-home \
        --shell /usr/sbin/nologin "$user"
}

install_all() {
    find_binary
    add_user
    owner=""
    [ -n "$root" ] || owner="-o $user -g $user"
    install -D -m 0755 "$binary" "$root/usr/bin/$program"
    for unit in "$here"/systemd/*.service; do
        install -D -m 0644 "$unit" "$root/lib/systemd/system/$(basename "$unit")"
    done
    install -D -m 0755 "$here/bypass/bypass" "$root/usr/lib/$program/bypass"
    install -D -m 0644 "$here/bypass/bypass.conf.example" \
        "$root/usr/share/doc/$program/bypass.conf.example"
    install -D -m 0644 "$here/sysctl/60-ipfix-enricher.conf" \
        "$root/usr/lib/sysctl.d/60-ipfix-enricher.conf"
    install -d -m 0755 "$root/etc/$program"
    if [ ! -e "$root/etc/$program/config.yaml" ]; then
        install -m 0644 "$here/config.yaml" "$root/etc/$program/config.yaml"
    fi
    # shellcheck disable=SC2086 # the owner is two options, or none
    install -d -m 0750 $owner "$root/var/lib/$program" "$root/var/log/$program"
    [ -n "$root" ] || sysctl -q -p /usr/lib/sysctl.d/60-ipfix-enricher.conf ||
        echo "install.sh: net.core.rmem_max is not raised; see docs/install.md" >&2
    if services daemon-reload; then
        # The sockets are kept while the daemon is replaced.
        services enable --quiet "$program.service"
        services restart "$program.service"
    fi
    echo "installed: $("$root/usr/bin/$program" --version | head -n 1)"
    echo "configure $root/etc/$program/config.yaml, then: $program check && systemctl reload $program"
}

remove_all() {
    services disable --now --quiet "$program.service" || true
    for unit in "$here"/systemd/*.service; do
        rm -f "$root/lib/systemd/system/$(basename "$unit")"
    done
    services daemon-reload || true
    rm -f "$root/usr/bin/$program" "$root/usr/lib/sysctl.d/60-ipfix-enricher.conf"
    rm -rf "${root:?}/usr/lib/$program" "${root:?}/usr/share/doc/$program"
    if [ "$purge" = yes ]; then
        rm -rf "${root:?}/etc/$program" "${root:?}/var/lib/$program" "${root:?}/var/log/$program"
        [ -n "$root" ] || ! getent passwd "$user" >/dev/null || userdel "$user"
        echo "removed, with configuration, state and logs"
    else
        echo "removed; /etc/$program, /var/lib/$program and /var/log/$program stay (--purge)"
    fi
}

# --root / is this host.
[ "$root" != / ] || root=""
case "$action" in
    install) install_all ;;
    uninstall) remove_all ;;
esac
