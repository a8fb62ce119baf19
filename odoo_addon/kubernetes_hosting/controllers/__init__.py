from . import portal
from . import worker
