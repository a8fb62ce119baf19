#!/bin/sh
# Writes down what is installed in an image, as CycloneDX: /usr/share/sbom/sbom.cdx.json.
set -eu

debian() {
    dpkg-query --show --showformat \
        '{"type": "library", "name": "${Package}", "version": "${Version}", "purl": "pkg:deb/debian/${Package}@${Version}?arch=${Architecture}&distro=trixie"}\n' |
        sed ':again; s/\("purl": "[^"]*\)+/\1%2B/; t again'
}

# Some images have no Python.
python() {
    command -v python3 > /dev/null || return 0
    python3 - <<'PYTHON'
import importlib.metadata
import json
import re

for found in importlib.metadata.distributions():
    name, version = found.metadata["Name"], found.version
    normal = re.sub("[-_.]+", "-", name).lower()
    # Odoo itself is not from there.
    origin = "generic" if name == "odoo" else "pypi"
    purl = f"pkg:{origin}/{normal}@{version.replace('+', '%2B')}"
    print(json.dumps({"type": "library", "name": name, "version": version, "purl": purl}))
PYTHON
}

mkdir -p /usr/share/sbom
debian > /tmp/components
python >> /tmp/components
{
    echo '{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": ['
    sort --unique /tmp/components | sed '$!s/$/,/'
    echo ']}'
} > /usr/share/sbom/sbom.cdx.json
rm /tmp/components
