#!/bin/sh
# Completes the configuration, waits for PostgreSQL, and makes the databases the first time.
set -eu
umask 077
. /etc/odoo/common.sh

main() {
    configure
    wait_for_postgres
    exec python3 /etc/odoo/setup.py
}

# A container's first process is not ended by a signal that it does not handle, and a shell handles none while it runs a
# program: so it only waits.
trap 'kill ${!:-} 2> /dev/null || :; exit 143' TERM
main &
wait "$!"
