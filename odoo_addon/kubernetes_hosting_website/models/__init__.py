from . import sale_order, website
