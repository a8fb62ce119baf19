#!/bin/sh
# Runs one of the two servers of PostgreSQL. $ROLE, primary or standby, is what the manifest wants of it; $OTHER is the
# other server's name.
#
# A standby copies the primary once and follows it. A standby that is to be the primary follows until it has all that the
# other one has, and is promoted then. A primary that is to be the standby follows the new one: it goes on from where that
# one left it, after pg_rewind where it had gone further, or else with a new copy.
set -eu
umask 077

run=/var/run/postgresql
other="host=$OTHER user=replicator dbname=postgres connect_timeout=3 tcp_user_timeout=10000 keepalives_idle=5 keepalives_interval=3 keepalives_count=2"
export PGPASSFILE="$run/pgpass"

fail() {
    echo "$*" >&2
    exit 1
}

here() {
    psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 \
        --host="$run" --username=postgres --dbname=postgres --command="$1"
}

there() {
    psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --dbname="$other" --command="$1" 2> /dev/null
}

# What the other server is: primary, standby, busy (it starts, ends, or does not let this one in), or gone.
state_there() {
    case $(there "SELECT pg_is_in_recovery()") in
        f) echo primary ;;
        t) echo standby ;;
        *)
            answer=0
            pg_isready --quiet --host="$OTHER" --timeout=3 || answer=$?
            if [ "$answer" -le 1 ]; then echo busy; else echo gone; fi
            ;;
    esac
}

system_identifier() {
    pg_controldata --pgdata="$PGDATA" | sed -n 's/^Database system identifier: *//p'
}

# Starts the server and waits until it answers; fails if it ends before that.
serve() {
    rm -f "$run/ended"
    {
        status=0
        postgres -c hba_file=/etc/postgresql/pg_hba.conf -c config_file=/etc/postgresql/postgresql.conf \
            -c primary_conninfo="$other application_name=$HOSTNAME" || status=$?
        echo "$status" > "$run/ended"
    } &
    until pg_isready --quiet --host="$run"; do
        runs || return 1
        sleep 0.5
    done
}

runs() {
    [ ! -e "$run/ended" ]
}

stop_server() {
    rm -f "$run/ready"
    [ ! -e "$PGDATA/postmaster.pid" ] || pg_ctl --pgdata="$PGDATA" --mode=fast --timeout=600 stop
}

first_start() {
    if [ -e "$PGDATA" ] && { [ ! -r "$PGDATA" ] || [ ! -x "$PGDATA" ]; }; then
        fail "$PGDATA: Permission denied. Give the volume's files back to the user $(id -u)"
    fi
    [ ! -e "$PGDATA" ] || fail "$PGDATA is there, but it is no database: repair or restore the volume"
    if [ "$ROLE" = standby ]; then
        copy
        return
    fi
    # This may be an empty volume in the place of one that was lost.
    for _ in 1 2 3 4 5 6; do
        [ "$(state_there)" = gone ] || refuse_to_begin
        sleep 0.5
    done
    # What an interrupted first start left behind is begun anew; only a whole directory gets the real name.
    rm -rf "$PGDATA.new"
    initdb --pgdata="$PGDATA.new" --username=postgres --encoding=UTF8 --locale=C.UTF-8 --data-checksums \
        --auth-local=peer --auth-host=scram-sha-256
    touch "$PGDATA.unshared"
    mv "$PGDATA.new" "$PGDATA"
}

refuse_to_begin() {
    fail "This volume is empty, and $OTHER has a database: let $OTHER be the primary"
}

# Lets nobody into a new database before the other server has a copy of it: a server that is away for a moment may have
# the real one.
share() {
    ours=$(system_identifier)
    echo "Waiting until $OTHER has a copy of the new database"
    while runs; do
        theirs=$(there "SELECT system_identifier FROM pg_control_system()") || :
        case $theirs in
            "$ours")
                rm "$PGDATA.unshared"
                return
                ;;
            ?*) refuse_to_begin ;;
        esac
        sleep 0.5
    done
}

# Puts a copy of the primary in the place of what is here.
copy() {
    until [ "$(state_there)" = primary ]; do
        echo "Waiting for the primary $OTHER"
        sleep 1
    done
    echo "Copying the primary $OTHER"
    rm -rf "$PGDATA.new" "$PGDATA.old"
    pg_basebackup --dbname="$other" --pgdata="$PGDATA.new" --checkpoint=fast --wal-method=stream --no-password
    touch "$PGDATA.new/standby.signal"
    [ ! -e "$PGDATA" ] || mv "$PGDATA" "$PGDATA.old"
    mv "$PGDATA.new" "$PGDATA"
    rm -rf "$PGDATA.old" "$PGDATA.rewinding"
}

# Makes this server follow a primary that has gone another way, or so far that what this one lacks is there no more.
rejoin() {
    theirs=$(there "SELECT system_identifier FROM pg_control_system()")
    [ "$(system_identifier)" = "$theirs" ] || fail "$OTHER has another database than this volume: see which of the two is the right one, and empty the other volume"
    stop_server
    # Interrupted, it leaves nothing that a server could start from.
    touch "$PGDATA.rewinding"
    if [ "$rewound" = no ] && pg_rewind --target-pgdata="$PGDATA" --source-server="$other"; then
        echo "Rewound to the primary $OTHER"
        rewound=yes
        rm "$PGDATA.rewinding"
    else
        copy
    fi
    touch "$PGDATA/standby.signal"
    serve
}

# Follows the primary for as long as the server runs.
follow() {
    rewound=no
    if ! serve; then
        [ "$(state_there)" = primary ] || fail "The server does not start"
        rejoin
    fi
    touch "$run/ready"
    late=0
    while runs; do
        sleep 2
        if [ "$(here "SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'")" = 1 ]; then
            late=0
            rewound=no
        elif [ "$(state_there)" = primary ]; then
            late=$((late + 1))
            if [ "$late" = 5 ]; then
                rejoin
                touch "$run/ready"
                late=0
            fi
        fi
    done
}

# Waits until this standby has all that the other server has, and makes it the primary.
promote() {
    begun=$(date +%s)
    seen=$begun
    while :; do
        now=$(date +%s)
        state=$(state_there)
        case $state in
            primary)
                echo "Waiting until $OTHER is the primary no more"
                begun=$now
                ;;
            standby)
                all=$(there "SELECT pg_last_wal_replay_lsn()")
                [ "$(here "SELECT pg_last_wal_replay_lsn() >= '$all'")" != t ] || break
                ;;
        esac
        [ "$state" = gone ] || seen=$now
        if [ $((now - seen)) -ge "$PROMOTION_SECONDS" ] || [ $((now - begun)) -ge 180 ]; then
            echo "What $OTHER may have more does not come"
            break
        fi
        sleep 1
    done
    here "SELECT pg_promote()" > /dev/null
    # pg_rewind of the other server looks for the new timeline there.
    here "CHECKPOINT"
    echo "Promoted to primary"
}

# The roles and databases; a changed password is in effect after the restart that it causes. This waits for no standby,
# also where all else does (postgres_synchronous): without the roles there could never be one.
set_up() {
    PGOPTIONS="-c synchronous_commit=local" psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --host="$run" --username=postgres --dbname=postgres <<'SQL'
\getenv database ODOO_DATABASE
\getenv password ODOO_PASSWORD
\getenv replication REPLICATION_PASSWORD
SELECT format('CREATE ROLE %I LOGIN', name) FROM unnest(ARRAY['odoo', 'replicator', 'monitoring']) AS name
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE odoo NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
ALTER ROLE replicator NOSUPERUSER NOCREATEDB NOCREATEROLE REPLICATION PASSWORD :'replication';
-- What pg_rewind reads.
GRANT EXECUTE ON FUNCTION pg_ls_dir(text, boolean, boolean), pg_stat_file(text, boolean), pg_read_binary_file(text),
    pg_read_binary_file(text, bigint, bigint, boolean) TO replicator;
GRANT pg_monitor TO monitoring;
SELECT format('CREATE DATABASE %I OWNER odoo TEMPLATE template0 ENCODING ''UTF8'' LC_COLLATE ''C'' LC_CTYPE ''C.UTF-8''', name)
    FROM unnest(ARRAY[:'database', 'sessions']) AS name
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec
SELECT format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', name) FROM unnest(ARRAY[:'database', 'sessions']) AS name \gexec
SQL
}

main() {
    if [ -e "$PGDATA.unshared" ]; then
        # There is nothing in it.
        rm -rf "$PGDATA"
        rm "$PGDATA.unshared"
    fi
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
        first_start
    elif [ -e "$PGDATA.rewinding" ]; then
        [ "$ROLE" = standby ] || fail "This volume is no whole database: let $OTHER be the primary"
        copy
    fi
    if [ "$ROLE" = standby ]; then
        touch "$PGDATA/standby.signal"
        follow
    elif [ -e "$PGDATA/standby.signal" ]; then
        serve
        promote
    else
        [ "$(state_there)" != primary ] || fail "$OTHER is the primary: two must never be"
        serve
    fi
    if runs; then
        set_up
        [ ! -e "$PGDATA.unshared" ] || share
        touch "$run/ready"
    fi
    while runs; do
        sleep 1
    done
    exit "$(cat "$run/ended")"
}

# The pod before this one may have been given up without having ended: two servers must never share the directory. The lock
# is held as long as this script or any process of the server runs.
exec 9> "$PGDATA.lock"
flock --nonblock 9 || {
    echo "Waiting until another server has let go of this volume"
    flock 9
}
# Killed with its node, a server leaves its process number behind, which means nothing here.
rm -f "$run/ready" "$run/.s.PGSQL.5432.lock" "$PGDATA/postmaster.pid"
printf '*:*:*:replicator:%s\n' "$(printf '%s' "$REPLICATION_PASSWORD" | sed 's/[\\:]/\\&/g')" > "$PGPASSFILE"

# A container's first process is not ended by a signal that it does not handle, and a shell handles none while it runs a
# program: so it only waits. The server gets the fast shutdown: a primary sends its standby all that it has, and ends.
trap 'kill "$main" 2> /dev/null || :; stop_server; exit 143' TERM
main &
main=$!
status=0
wait "$main" || status=$?
stop_server
exit "$status"
