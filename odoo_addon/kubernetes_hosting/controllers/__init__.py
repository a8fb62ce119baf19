from . import config_map
from . import portal
from . import worker
