# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""From a job's manifests and values to Compose files that may run on this host."""

import hashlib
import http.client
import secrets
import string
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import jinja2
import jinja2.meta
import jinja2.sandbox
import yaml

from .odoo import NoRedirect
from .problem import Problem

LARGEST = 1024 * 1024
FETCH_SECONDS = 30
ALPHABETS = {
    "alphanumeric": string.ascii_letters + string.digits,
    "hex": string.hexdigits[:16],
    "ascii": "".join(map(chr, range(33, 127))),
}
#: A shorter secret stands in too many texts by accident.
SHORTEST_SECRET = 6
#: What a Compose file may hold. All else is refused: most of it reaches the host.
TOP = {"services", "volumes", "networks", "configs", "secrets"}
SERVICE = {
    *("image", "command", "entrypoint", "environment", "expose", "ports", "volumes"),
    *("networks", "configs", "secrets", "depends_on", "healthcheck", "restart", "user"),
    *("working_dir", "read_only", "tmpfs", "init", "cap_drop", "deploy", "hostname"),
    *("stop_signal", "stop_grace_period"),
}
UNITS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}

environment = jinja2.sandbox.SandboxedEnvironment(
    undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True
)


# Fetching


def fetch(manifest, hosts):
    """What the contract tells of a manifest as it was fetched. ``hosts``: from where
    manifests may come, as ``host`` or ``host:port``."""
    url, place = manifest["url"], where(manifest)
    if manifest.get("format", "jinja") != "jinja":
        raise Problem(
            "manifest_check",
            f"A Compose project is made of Jinja templates, not of a"
            f" {manifest['format']} archive.",
            "Set the manifest's format to “Jinja Template”.",
            **place,
        )
    # The app was restored to what it has had.
    kept = manifest.get("content")
    text = kept["text"] if kept else downloaded(url, hosts, place)
    digest = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    if manifest["pin"] and manifest["pin"] != digest and not kept:
        raise Problem(
            "manifest_changed",
            "The manifest has another content than the one that it is pinned to.",
            "Look at the difference in Odoo, and accept it or restore the content.",
            **place,
        )
    return {
        "id": manifest["id"],
        "digest": digest,
        "content": text,
        "files": [],
        "variables": sorted(used_by(text, place)),
    }


def downloaded(url, hosts, place):
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not {parts.netloc, parts.hostname} & {
        *hosts
    }:
        raise Problem(
            "manifest_fetch",
            f"Manifests are not fetched from {parts.netloc or url}.",
            "Add the host to manifests.hosts in the worker's settings.",
            **place,
        )
    opener = urllib.request.build_opener(NoRedirect)
    try:
        with opener.open(url, timeout=FETCH_SECONDS) as answer:
            content = answer.read(LARGEST + 1)
    except urllib.error.HTTPError as error:
        raise Problem(
            "manifest_fetch",
            f"The server answers {error.code} {error.reason}.",
            retry=error.code >= 500 or error.code == 429,
            **place,
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise Problem("manifest_fetch", str(error), retry=True, **place) from error
    if len(content) > LARGEST:
        raise Problem("manifest_fetch", "It is larger than 1 MiB.", **place)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Problem("manifest_parse", "It is no UTF-8.", **place) from error


def where(manifest):
    return {"manifest": manifest["title"], "url": manifest["url"]}


# Variables


def used_by(text, place):
    """The variables that a template uses."""
    with template_errors(place):
        return jinja2.meta.find_undeclared_variables(environment.parse(text))


class template_errors:
    """Makes problems of Jinja's errors."""

    def __init__(self, place):
        self.place = place

    def __enter__(self):
        return self

    def __exit__(self, _kind, error, _traceback):
        if isinstance(error, jinja2.TemplateError | ArithmeticError | TypeError):
            line = getattr(error, "lineno", None) or line_of(error)
            raise Problem(
                "template_render",
                str(error),
                "Correct the template, or set the variable in the app's config map.",
                **{**self.place, "line": line},
            ) from error


def line_of(error):
    """The template's line in which an error came up."""
    line, step = None, error.__traceback__
    while step:
        if step.tb_frame.f_code.co_filename == "<template>":
            line = step.tb_lineno
        step = step.tb_next
    return line


def generated(lines, known):
    """The secrets that are generated: those that are known, and new ones."""
    made = dict(known)
    for line in lines:
        rule = line["generate"]
        if line["value"] is None and line["key"] not in made:
            signs = ALPHABETS[rule["alphabet"]]
            made[line["key"]] = "".join(
                secrets.choice(signs) for _ in range(rule["length"])
            )
    return made


def variables(job, made):
    """All variables of the job, and the texts among them that nobody may see."""
    app, cluster = job["app"], job["cluster"]
    values = {}
    for line in (*job["config_map"], *job["secret"]):
        if line["value"] is not None:
            values[line["key"]] = read(line)
    values = Values(values).all()
    values.update(made)
    hidden = texts([values[line["key"]] for line in job["secret"]])
    domains = app.get("domains", [])
    values.update(
        app_name=app["name"],
        environment=app["environment"],
        hostname=app["hostname"],
        hostnames=[*domains, app["hostname"]],
        primary_hostname=app.get("primary_hostname", app["hostname"]),
        url=app["url"],
        node_ports=app.get("node_ports", []),
        namespace=app["namespace"],
        cluster_name=cluster["name"],
        cluster_domain=cluster["domain"],
    )
    return values, {text for text in hidden if len(text) >= SHORTEST_SECRET}


def read(line):
    if line["type"] == "string":
        return line["value"]
    try:
        return yaml.safe_load(line["value"])
    except yaml.YAMLError as error:
        raise Problem(
            "variables", f"The value of {line['key']} cannot be read as YAML: {error}"
        ) from error


class Values:
    """Values that may be templates of one another."""

    def __init__(self, raw):
        self.raw, self.done, self.begun = raw, {}, []

    def all(self):
        return {name: self[name] for name in self.raw}

    def __getitem__(self, name):
        if name in self.begun:
            ring = " → ".join([*self.begun, name])
            raise Problem("variables", f"Values are made of one another: {ring}.")
        if name not in self.done:
            self.begun.append(name)
            self.done[name] = self.filled(self.raw[name], name)
            self.begun.pop()
        return self.done[name]

    def filled(self, value, name):
        if isinstance(value, list):
            return [self.filled(item, name) for item in value]
        if isinstance(value, dict):
            return {key: self.filled(item, name) for key, item in value.items()}
        if not isinstance(value, str) or not ("{{" in value or "{%" in value):
            return value
        place = {"field": name}
        known = {key: self[key] for key in used_by(value, place) & self.raw.keys()}
        with template_errors(place):
            return environment.from_string(value).render(known)


def texts(value):
    """All texts in a value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [value] if isinstance(value, str) else []


# Rendering and checking


def render(manifest, fetched, values):
    """The manifest's Compose file as data."""
    place = where(manifest)
    with template_errors(place):
        text = environment.from_string(fetched["content"]).render(values)
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Problem(
            "manifest_parse", f"What it renders to is no YAML: {error}", **place
        ) from error
    if not isinstance(content, dict):
        raise Problem(
            "manifest_parse", "What it renders to is no Compose file.", **place
        )
    return content


class Check:
    """Refuses what reaches beyond the project: the host, other projects, the command
    line."""

    def __init__(self, job, hidden):
        self.limits = job["app"]["limits"]
        #: None: any port of the host.
        self.ports = job["app"].get("node_ports", [])
        if job["cluster"]["policy"]["node_port"]:
            self.ports = None
        self.hidden = hidden

    def file(self, content, place):
        self.place = place
        self.only(content, TOP, "")
        for name in ("volumes", "networks"):
            for key, item in (content.get(name) or {}).items():
                self.only(item or {}, {"internal"} & {name}, f"{name}.{key}")
        for name in ("configs", "secrets"):
            for key, item in (content.get(name) or {}).items():
                self.only(item, {"content"}, f"{name}.{key}")
        for name, service in (content.get("services") or {}).items():
            self.service(service, f"services.{name}")

    def service(self, service, field):
        self.only(service, SERVICE, field)
        if not service.get("image"):
            self.refuse(f"{field}.image", "is missing: images are not built here")
        for number, volume in enumerate(service.get("volumes") or []):
            self.volume(volume, f"{field}.volumes[{number}]")
        for number, port in enumerate(service.get("ports") or []):
            self.port(port, f"{field}.ports[{number}]")
        deploy = service.get("deploy") or {}
        self.only(deploy, {"resources"}, f"{field}.deploy")
        self.only(
            deploy.get("resources") or {}, {"limits"}, f"{field}.deploy.resources"
        )
        text = "\n".join(texts(service))
        if any(value in text for value in self.hidden):
            raise Problem(
                "secret_dependent",
                f"{field} holds a secret, which would stand on a command line.",
                "Put it into “content” of an entry of “secrets” or “configs”, and let"
                " the service read that file.",
                field=field,
                **self.place,
            )

    def port(self, port, field):
        """``8080:80``, or ``{published: 8080, target: 80}``, of the ports that are the
        app's."""
        if isinstance(port, dict):
            published = str(port.get("published", ""))
        else:
            published = str(port).rpartition("/")[0] or str(port)
            published = published.rpartition(":")[0].rpartition(":")[2]
        if self.ports is not None and published not in map(str, self.ports):
            self.refuse(
                field,
                f"takes a port of the host that is not the app's ({self.ports}); the"
                " cluster's policy allows no others",
            )

    def volume(self, volume, field):
        if isinstance(volume, dict):
            named = volume.get("type") in ("volume", "tmpfs")
        else:
            named = ":" not in volume or not volume.startswith(("/", ".", "~", "\\"))
        if not named:
            self.refuse(field, "is a folder of the host: use a named volume")

    def only(self, content, known, field):
        if not isinstance(content, dict):
            self.refuse(field, "is no mapping")
        for key in content:
            if key not in known:
                name = f"{field}.{key}" if field else str(key)
                self.refuse(name, "is not allowed for apps on this host")

    def refuse(self, field, why):
        raise Problem(
            "manifest_policy", f"{field} {why}.", None, field=field, **self.place
        )

    def share_out(self, files):
        """Give each service without limits of its own an equal part of what the app
        has left; refuse more than it has."""
        services = [
            service
            for content in files
            for service in (content.get("services") or {}).values()
        ]
        if len(services) > self.limits["pods"]:
            self.refuse(
                "services",
                f"are {len(services)}; the app may have {self.limits['pods']}",
            )
        for name, whole, write in (
            ("memory", self.limits["memory_mib"] * 1024**2, lambda part: f"{part}b"),
            ("cpus", self.limits["cpu_millicores"], lambda part: f"{part / 1000:g}"),
        ):
            limits = [
                service.setdefault("deploy", {})
                .setdefault("resources", {})
                .setdefault("limits", {})
                for service in services
            ]
            left = whole - sum(
                self.amount(one[name], name) for one in limits if name in one
            )
            without = [one for one in limits if name not in one]
            if left < 0 or (without and left < len(without)):
                self.refuse(f"services: {name}", "is more than the app may have")
            for one in without:
                one[name] = write(left // len(without))

    def amount(self, value, name):
        """In bytes, or thousandths of a core."""
        text = str(value).strip().lower()
        try:
            if name == "cpus":
                return int(float(text) * 1000)
            text = text.removesuffix("b") if text[-2:-1].isalpha() else text
            digits = text.rstrip("bkmg")
            return int(float(digits) * UNITS[text[len(digits) :]])
        except (KeyError, ValueError):
            self.refuse(f"limits.{name}", f"{value!r} is no amount")
