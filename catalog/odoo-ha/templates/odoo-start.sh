#!/bin/sh
# Runs Odoo as soon as PostgreSQL answers, and ends it when it is told to, also while Odoo only starts: a container's
# first process, which Odoo is not here, would not be ended by a signal that it does not handle yet.
set -eu
. /etc/odoo/common.sh

odoo=
trap '[ "$odoo" ] || exit 143; kill -TERM "$odoo"' TERM

wait_for_postgres
# Looked at first: one that comes while the configuration is made is seen as new.
mail=$(mail_login)
configure
odoo &
odoo=$!

# A mail login that comes or changes needs no restart: at SIGHUP, Odoo reads its configuration anew and goes on answering
# meanwhile. While it starts, SIGHUP would end it: then it is told in the next round.
while sleep 5; do
    [ "$mail" != "$(mail_login)" ] || continue
    case $(sed -n 's/^SigCgt:.*\(.\)$/\1/p' "/proc/$odoo/status") in
        [13579bdf])
            mail=$(mail_login)
            configure
            echo "Mail is sent with a new login"
            kill -HUP "$odoo"
            ;;
    esac
done &

# The first wait ends with the signal, the next one with Odoo.
status=0
wait "$odoo" || status=$?
while kill -0 "$odoo" 2> /dev/null; do
    status=0
    wait "$odoo" || status=$?
done
exit "$status"
