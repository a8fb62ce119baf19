from . import kubernetes_environment
from . import kubernetes_worker
from . import kubernetes_app
from . import kubernetes_dns_record
from . import kubernetes_job
from . import kubernetes_job_step
from . import kubernetes_worker_call
from . import kubernetes_attention
