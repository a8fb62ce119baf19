//! Ansible's Jinja dialect: filters, tests, undefined values, vars files.
