# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
#
# PORT_OFFSET=n shifts every port, so that several test beds can stand side by side.
# KUBECONFIG=file uses that cluster; otherwise one is built.
# PODS=simulated runs no containers, also where they could be; PODS=real insists on them.

TESTBED = python3 -B -m testbed

.PHONY: help demo demo-status demo-env demo-down demo-reset demo-ha demo-ha-down test lint parity bench benchmark chaos fuzz screenshots odoo-tests translations

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

demo: ## a shop, a backend, a cluster and a worker, running and clickable
	@$(TESTBED) demo

demo-status: ## what of the demo runs, and where its logs are
	@$(TESTBED) demo-status

demo-env: ## the demo's addresses and logins as KEY=value lines
	@$(TESTBED) demo-env

demo-down: ## stop the demo, keep its data
	@$(TESTBED) demo-down

demo-reset: ## start over with fresh data
	@$(TESTBED) demo-reset

demo-ha: ## Odoo with high availability, step by step, without the shop; YES=1 does not ask, PRIMARY=b promotes
	@$(TESTBED) demo-ha

demo-ha-down: ## take it away with its data
	@$(TESTBED) demo-ha-down

test: ## all tests, in a test bed of their own; SUITE=name runs one, KEEP=1 leaves the bed running
	@$(TESTBED) test $(SUITE)

odoo-tests: ## Odoo's own tests of the modules that ours extend, with ours and without; takes long
	@$(TESTBED) odoo-tests $(MODULES)

translations: ## bring the addons' .pot and .po files up to date, and say what German lacks
	@$(TESTBED) translations

lint: ## formatting, clippy, and by pre-commit ruff, pylint-odoo, prettier, eslint
	@$(TESTBED) lint

parity: ## make what Ansible and kubectl make of the corpus anew, say what changed, and compare with ours
	@$(TESTBED).parity

benchmark: ## how long a typical manifest takes here, with Jinja2 and PyYAML, and with Ansible
	@$(TESTBED).benchmark

bench: ## how fast Odoo, worker and API server are together, beside others; fails beyond its lines; APPS=50 is short
	@$(TESTBED).bench $(or $(APPS),1000)

chaos: ## purchases while workers, Odoo, PostgreSQL, the API server, network and Mailgun fail; MINUTES=n, SEED=n
	@$(TESTBED).chaos --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

fuzz: ## mutated templates, YAML, contract JSON and customers' texts against what reads them; SECONDS_EACH=600 makes it long
	@$(TESTBED).fuzz --seconds $(or $(SECONDS_EACH),60)

screenshots: ## take the README's pictures from a running demo
	@$(TESTBED) screenshots
