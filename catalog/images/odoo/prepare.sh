#!/bin/sh
# Makes the prepared databases of an image: for each of $LANGUAGES one with $MODULES, as `odoo --init` makes it, without
# passwords, keys and whatever else must be another one in each database. odoo-restore restores them.
set -eu

into=/usr/share/odoo/prepared/$MODULES
work=/tmp/prepare
server=/usr/lib/postgresql/17/bin

odoo_on() {
    database=$1
    shift
    setpriv --reuid=100 --regid=101 --clear-groups env HOME=$work PGHOST=$work PGUSER=odoo PATH="$server:$PATH" \
        odoo "$@" --database="$database" --data-dir="$work/odoo" --workers=0 --max-cron-threads=0 --no-http --log-level=warn
}

as_odoo() {
    setpriv --reuid=100 --regid=101 --clear-groups env HOME=$work PGHOST=$work PGUSER=odoo "$@"
}

# The server is here for this script alone.
mkdir -p /etc/postgresql-common
echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf
apt-get update
apt-get install --yes --no-install-recommends postgresql-17
mkdir -p "$work/odoo" "$into"
chown -R 100:101 $work

as_odoo $server/initdb --pgdata=$work/data --username=odoo --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync
as_odoo $server/pg_ctl --pgdata=$work/data --wait --log=$work/log \
    --options="-c listen_addresses='' -c unix_socket_directories=$work -c fsync=off" start

for language in $LANGUAGES; do
    as_odoo $server/createdb --template=template0 --lc-collate=C --lc-ctype=C.UTF-8 "$language"
    odoo_on "$language" --init="$MODULES" --without-demo=true --load-language="$language" --stop-after-init
    # The scripts and styles of the pages: otherwise the first visitor waits until they are made.
    odoo_on "$language" shell <<'PYTHON'
qweb = env["ir.qweb"]
scripts, styles = qweb._get_bundles_to_pregenarate()
for name in sorted(scripts | styles):
    if "test" not in name:
        bundle = qweb._get_asset_bundle(name)
        if name in scripts:
            bundle.js()
        if name in styles:
            bundle.css()
env.cr.commit()
PYTHON
    # The shell ends well whatever happens in it. Text for a search in attachments is of no use here.
    as_odoo $server/psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --dbname="$language" <<'SQL'
SELECT 1 / count(*) FROM ir_attachment WHERE url LIKE '/web/assets/%' \g /dev/null
UPDATE ir_attachment SET index_content = NULL WHERE url LIKE '/web/assets/%';
UPDATE res_users SET password = NULL;
DELETE FROM ir_config_parameter
 WHERE key IN ('database.uuid', 'database.secret', 'database.create_date', 'web.base.url');
SQL
    mkdir "$into/$language"
    # Earlier servers than 17 do not know transaction_timeout.
    as_odoo $server/pg_dump --no-owner --no-privileges --file="$work/$language.sql" "$language"
    sed '/^SET transaction_timeout = /d' "$work/$language.sql" > "$into/$language/database.sql"
    cp -r "$work/odoo/filestore/$language" "$into/$language/filestore"
done

as_odoo $server/pg_ctl --pgdata=$work/data --wait --mode=fast stop
apt-get purge --yes --auto-remove postgresql-17 postgresql-common
rm -rf $work /etc/postgresql-common /var/lib/postgresql /var/lib/apt/lists/* /var/cache/apt/*
chmod -R a+rX /usr/share/odoo
