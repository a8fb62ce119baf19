# What setup.sh and start.sh share.

wait_for_postgres() {
    until pg_isready --quiet --timeout=5; do
        echo "Waiting for PostgreSQL"
        sleep 0.5
    done
}

mail_login() {
    cat /etc/chandlery-smtp/* 2> /dev/null | sha256sum
}

# Completes the configuration, whole or not at all.
configure() (
    umask 077
    # The database manager is off (list_db); its password is set all the same, to one that nobody knows.
    master=$(printf 'database manager %s' "$PGPASSWORD" | sha256sum | cut -d ' ' -f 1)
    {
        cat /etc/odoo/odoo.conf
        printf 'admin_passwd = %s\n' "$master"
        # Mail goes out through the account of the app's own mail domain, as soon as there is one.
        if [ -e /etc/chandlery-smtp/host ]; then
            from=$(cat /etc/chandlery-smtp/from)
            domain=${from##*@}
            cat <<CONF
smtp_server = $(cat /etc/chandlery-smtp/host)
smtp_port = $(cat /etc/chandlery-smtp/port)
smtp_ssl = True
smtp_user = $(cat /etc/chandlery-smtp/username)
smtp_password = $(cat /etc/chandlery-smtp/password)
email_from = $from
from_filter = ${domain%>}
CONF
        fi
    } > "$ODOO_RC.new"
    mv "$ODOO_RC.new" "$ODOO_RC"
)
