#!/bin/sh
# Runs nginx, and tells it anew whenever other Odoos are ready: a name in its configuration it would look up only once.
set -eu

upstreams=/run/proxy/upstreams.conf

# The servers of an upstream: the Odoos that are ready, or else nobody.
upstream() {
    name=$1 port=$2
    shift 2
    [ $# -gt 0 ] || set -- 127.0.0.1
    echo "upstream $name {"
    echo "    zone $name 64k;"
    echo "    least_conn;"
    for address in "$@"; do
        case $address in
            *:*) address="[$address]" ;;
        esac
        # One that does not answer is left alone for a while.
        echo "    server $address:$port max_fails=1 fail_timeout=5s;"
    done
    echo "}"
}

# Succeeds where it has changed something. Where nobody is ready, it waits for who is.
look_up() {
    members=$(getent ahosts "$ODOO" | cut -d ' ' -f 1 | sort -u)
    { [ "$members" ] || [ ! -e $upstreams ]; } || return 1
    {
        upstream odoo 8069 $members
        upstream websocket 8072 $members
    } > $upstreams.new
    ! cmp -s $upstreams.new $upstreams || return 1
    mv $upstreams.new $upstreams
    echo "Odoo is at" ${members:-no address}
}

look_up || :
nginx -e stderr -c /etc/proxy/nginx.conf &
nginx=$!

while sleep 2; do
    if look_up; then
        kill -HUP "$nginx"
    fi
done &

# What is being answered is answered.
trap 'kill -QUIT "$nginx"' TERM
status=0
wait "$nginx" || status=$?
while kill -0 "$nginx" 2> /dev/null; do
    status=0
    wait "$nginx" || status=$?
done
exit "$status"
