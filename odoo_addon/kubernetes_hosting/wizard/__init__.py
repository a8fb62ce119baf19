from . import kubernetes_app_delete
from . import kubernetes_worker_key
