"""The seven dashboards: each answers one question, and leads to the next."""

from typing import Final

from dashboards.generate.boards.data import DATA
from dashboards.generate.boards.overview import OVERVIEW
from dashboards.generate.boards.route import ROUTE_PAGE
from dashboards.generate.boards.service import SERVICE_PAGE
from dashboards.generate.boards.slo import SLO
from dashboards.generate.boards.tenants import TENANTS
from dashboards.generate.boards.uptime import UPTIME

PAGES: Final = (OVERVIEW, SERVICE_PAGE, ROUTE_PAGE, SLO, TENANTS, DATA, UPTIME)
