from . import test_attention
from . import test_installation
from . import test_mail
from . import test_migration
from . import test_portal_app
from . import test_translations
from . import test_costs
