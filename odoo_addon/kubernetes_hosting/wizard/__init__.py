from . import kubernetes_app_apply
from . import kubernetes_app_delete
from . import kubernetes_app_request
from . import kubernetes_app_reset
from . import kubernetes_config_map_import
from . import kubernetes_namespace_adopt
from . import kubernetes_package_install
from . import kubernetes_worker_key
