# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The control plane's certificates: one authority, a server certificate, a client
certificate per component."""

from . import processes

DAYS = "3650"
#: name -> (Kubernetes group, extensions)
CLIENT = "extendedKeyUsage=clientAuth"
SERVER = (
    "extendedKeyUsage=serverAuth,clientAuth\n"
    "subjectAltName=IP:127.0.0.1,IP:10.96.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,"
    "DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
)
CERTIFICATES = {
    "server": ("/CN=kube-apiserver", SERVER),
    "admin": ("/O=system:masters/CN=admin", CLIENT),
    "kube-controller-manager": ("/CN=system:kube-controller-manager", CLIENT),
    "kube-scheduler": ("/CN=system:kube-scheduler", CLIENT),
    "kwok": ("/O=system:masters/CN=kwok", CLIENT),
    "traefik": ("/O=system:masters/CN=traefik", CLIENT),
    # For the kubelet, too: limited to its node's objects, it finds a Secret only some
    # time after the pod that mounts it, and tries again 17 s later.
    "node": ("/O=system:masters/CN=node", CLIENT),
}


def make(folder, log):
    """Fill the folder with ca.crt, service-account.key and a .crt and .key per
    certificate."""

    def openssl(*words):
        processes.run(
            ["openssl", *words], log=log, what="Making certificates", cwd=folder
        )

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(
        "req",
        "-x509",
        *key,
        "-keyout",
        "ca.key",
        "-out",
        "ca.crt",
        "-days",
        DAYS,
        "-subj",
        "/CN=chandlery-testbed",
    )
    for name, (subject, extensions) in CERTIFICATES.items():
        openssl(
            "req",
            "-new",
            *key,
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.csr",
            "-subj",
            subject,
        )
        (folder / "extensions").write_text(extensions)
        openssl(
            *(
                "x509",
                "-req",
                "-in",
                f"{name}.csr",
                "-out",
                f"{name}.crt",
                "-days",
                DAYS,
            ),
            *(
                "-CA",
                "ca.crt",
                "-CAkey",
                "ca.key",
                "-CAcreateserial",
                "-extfile",
                "extensions",
            ),
        )
    openssl("genrsa", "-out", "service-account.key", "2048")
    for left in ("extensions", *(f"{name}.csr" for name in CERTIFICATES)):
        (folder / left).unlink()
    for secret in folder.glob("*.key"):
        secret.chmod(0o600)
