from . import config_map
from . import git
from . import password
from . import portal
from . import worker
