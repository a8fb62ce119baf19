from . import kubernetes_package_sell
