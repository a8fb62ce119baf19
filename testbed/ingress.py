# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Traefik as the cluster's ingress controller: it routes by hostname and writes each
Ingress's address. Where no pod answers, it shows a page of the catalog's."""

import json

from . import cache, catalog_server, go_programs, processes
from .instance import write_private

PAGE = "/pages/unavailable.html"


def routes(instance):
    """What Traefik does beside the Ingresses of the cluster."""

    def page(status):
        return {"errors": {"status": [status], "service": "catalog", "query": PAGE}}

    return {
        "http": {
            "middlewares": {
                "unavailable": page("502-504"),
                "unknown": page("404"),
                "nowhere": {"replacePath": {"path": "/of-no-app"}},
            },
            "routers": {
                "unknown": {
                    "rule": "PathPrefix(`/`)",
                    "priority": 1,
                    "middlewares": ["unknown", "nowhere"],
                    "service": "catalog",
                }
            },
            "services": {
                "catalog": {
                    "loadBalancer": {"servers": [{"url": catalog_server.url(instance)}]}
                }
            },
        }
    }


def daemon(instance, build_log):
    port = instance.port
    # JSON is YAML.
    file = instance.state / "kubernetes" / "traefik.yml"
    text = json.dumps(routes(instance))
    if not file.exists() or file.read_text() != text:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_private(file, text)
    return processes.Daemon(
        name="traefik",
        argv=[
            go_programs.build("traefik", build_log),
            f"--entrypoints.web.address=127.0.0.1:{port('traefik')}",
            f"--entrypoints.traefik.address=127.0.0.1:{port('traefik-api')}",
            "--entrypoints.web.http.middlewares=unavailable@file",
            f"--providers.file.filename={file}",
            "--api.insecure=true",
            "--ping=true",
            "--providers.kubernetesingress=true",
            "--providers.kubernetesingress.ingressclass=traefik",
            "--providers.kubernetesingress.ingressendpoint.ip=127.0.0.1",
            # Played pods answer on no address; a service without endpoints is no reason
            # to hide its Ingress.
            "--providers.kubernetesingress.allowemptyservices=true",
            "--global.checknewversion=false",
            "--global.sendanonymoususage=false",
            "--log.level=INFO",
        ],
        variables={
            "KUBECONFIG": str(instance.state / "kubernetes" / "traefik.kubeconfig")
        },
        log=instance.logs / "traefik.log",
        pid_file=instance.state / "run" / "traefik.pid",
        healthy=lambda: processes.http_ok(
            f"http://127.0.0.1:{port('traefik-api')}/ping"
        ),
        ports=(port("traefik"), port("traefik-api")),
        made_from=cache.digest(text),
        cwd=instance.state,
    )
