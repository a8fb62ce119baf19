# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Traefik as the cluster's ingress controller: it routes by hostname and writes each
Ingress's address."""

from . import go_programs, processes


def daemon(instance, build_log):
    port = instance.port
    return processes.Daemon(
        name="traefik",
        argv=[
            go_programs.build("traefik", build_log),
            f"--entrypoints.web.address=127.0.0.1:{port('traefik')}",
            f"--entrypoints.traefik.address=127.0.0.1:{port('traefik-api')}",
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
        cwd=instance.state,
    )
