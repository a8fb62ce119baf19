# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The commands of the test bed: ``python3 -m testbed COMMAND``; the Makefile calls
them."""

import argparse
import os
import signal
import sys

from . import addon_tests as tests_of_addons
from . import contract_test as test_of_contract
from . import (
    debian,
    gitea,
    go_programs,
    ingress,
    instance,
    kubernetes,
    odoo,
    pods,
    postgresql,
    processes,
    suites,
)
from . import demo as demo_of
from . import demo_ha as ha
from . import lint as lint_checks
from . import odoo_tests as tests_of_odoo
from . import translations as translations_of
from .problem import Problem

TEST_OFFSET = 1000


def main():
    arguments, rest = command_line().parse_known_args()
    if rest and not getattr(arguments, "passes_on", False):
        command_line().error(f"unknown arguments: {' '.join(rest)}")
    arguments.rest = rest
    try:
        return arguments.run(arguments) or 0
    except Problem as problem:
        print(*problem.lines(), sep="\n", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted. Run the same command again to go on.", file=sys.stderr)
        return 130


def command_line():
    parser = argparse.ArgumentParser(prog="python3 -m testbed", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(run, help, passes_on=False):
        name = run.__name__.replace("_", "-")
        sub = commands.add_parser(name, help=help, description=help)
        sub.set_defaults(run=run, passes_on=passes_on)
        return sub

    command(demo, "start whatever of the demo is not running, and say how to use it")
    command(demo_status, "say what of the demo runs, and where its logs are")
    command(demo_env, "print the demo's addresses and logins as KEY=value lines")
    command(demo_down, "stop the demo; its data stays")
    command(demo_reset, "remove the demo's data and start it anew")
    command(demo_ha, "bring Odoo with high availability into the demo's cluster")
    command(demo_ha_down, "take it away with its data")
    command(screenshots, "take the README's pictures from the running demo")
    sub = command(test, "run the test suites in a test bed of their own")
    sub.add_argument("suites", nargs="*", help="default: all")
    command(lint, "check formatting and style")
    sub = command(addon_tests, "run the tests of addons on a fresh database")
    sub.add_argument("modules", help="addons to install and test, separated by commas")
    sub.add_argument(
        "--tags", help="Odoo's --test-tags; default: all tests of these addons"
    )
    sub = command(contract_test, "say whether a worker keeps the contract with Odoo")
    sub.add_argument("--worker", required=True, help="the command that starts it")
    sub.add_argument("--kind", default="kubernetes", help="of its cluster")
    sub.add_argument("--manifest", required=True, help="a template that it deploys")
    sub.add_argument(
        "--disturb", help="ends the app's containers; with {namespace} in it"
    )
    sub.add_argument("--odoo", help="default: that of the running demo")
    sub.add_argument("--database", default=demo_of.DATABASE)
    sub.add_argument("--login", default="admin", help="an administrator's")
    sub.add_argument("--password", default="admin")
    sub.add_argument("--folder", help="for logs and state; default: below the demo's")
    sub = command(
        odoo_tests, "run Odoo's own tests of what our addons extend, with and without"
    )
    sub.add_argument("modules", nargs="*", help="default: all")
    sub.add_argument("--tags", help="of these modules' tests, only those with this tag")
    command(translations, "bring the addons' translation files up to date")
    command(odoo_paths, "print where Odoo, its Python and its database server are")
    sub = command(
        odoo_scratch,
        "run Odoo on a database of one's own; further arguments go to Odoo",
        passes_on=True,
    )
    sub.add_argument("database")
    sub = command(
        odoo_shell, "run a script from standard input in Odoo's shell", passes_on=True
    )
    sub.add_argument("database")
    sub = command(odoo_drop, "drop a database made by odoo-scratch")
    sub.add_argument("database")
    sub = command(psql, "run psql; further arguments go to it", passes_on=True)
    sub.add_argument("database")
    command(kubernetes_up, "start the Kubernetes cluster of the test bed, and Traefik")
    command(kubernetes_down, "stop them; their data stays")
    return parser


def demo(arguments):
    bed = demo_of.Demo(instance.from_environment(), pods.wanted())
    bed.up()
    print(bed.welcome())


def demo_status(arguments):
    return 0 if demo_of.Demo(instance.from_environment()).status() else 1


def demo_env(arguments):
    for name, value in demo_of.Demo(instance.from_environment()).environment().items():
        print(f"{name}={value}")


def demo_down(arguments):
    demo_of.Demo(instance.from_environment()).down()


def demo_reset(arguments):
    demo_of.Demo(instance.from_environment()).reset()
    demo(arguments)


def demo_ha(arguments):
    bed = ha.from_environment(instance.from_environment())
    recipe = bed.recipe()
    if not ha.agreed(recipe):
        print("Nothing was done.")
        return 1
    bed.up(recipe)
    print(bed.welcome())


def demo_ha_down(arguments):
    ha.from_environment(instance.from_environment()).down()


def screenshots(arguments):
    bed = demo_of.Demo(instance.from_environment())
    if not bed.status():
        return 1
    debian.install(debian.FOR_TESTS, bed.setup_log)
    python = odoo.environment("e2e", suites.E2E_REQUIREMENTS, bed.setup_log)
    script = instance.CHECKOUT / "testbed" / "screenshots.py"
    environment = {**os.environ, **bed.environment()}
    os.execve(python, [str(python), "-B", str(script)], environment)


def test(arguments):
    # Ended from outside, the test bed is still taken down.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    bed = test_bed()
    with bed.lock("test"):
        result = suites.Suites(bed).run(
            arguments.suites, keep=bool(os.environ.get("KEEP"))
        )
    print(result, flush=True)
    return 1 if result.failed else 0


def lint(arguments):
    return 0 if lint_checks.run(test_bed().logs) else 1


def test_bed():
    """The instance for tests and for trying things out, unless PORT_OFFSET says
    otherwise."""
    return instance.from_environment(TEST_OFFSET)


def test_odoo():
    bed = test_bed()
    log = bed.logs / "odoo-setup.log"
    return odoo.Odoo(bed, log), log


def addon_tests(arguments):
    result = tests_of_addons.run(test_bed(), arguments.modules, arguments.tags)
    print(*result.failures, sep="\n")
    print(f"{result} (of {result.passed + result.failed} tests)")
    return 1 if result.failed else 0


def contract_test(arguments):
    here = instance.from_environment()
    arguments.odoo = arguments.odoo or demo_of.Demo(here).odoo_url
    arguments.folder = arguments.folder or here.state / "contract" / arguments.kind
    return test_of_contract.main(arguments)


def odoo_tests(arguments):
    bed = test_bed()
    debian.install({**debian.BASE, **debian.FOR_TESTS}, bed.logs / "setup.log")
    tags = arguments.tags.split(",") if arguments.tags else ()
    return 0 if tests_of_odoo.run(bed, arguments.modules, tags) else 1


def translations(arguments):
    missing = translations_of.update(test_bed())
    print(*missing, sep="\n")
    print(f"{len(missing)} texts have no German yet.")
    return 1 if missing else 0


def odoo_paths(arguments):
    bed, _ = test_odoo()
    print(f"SOURCE={bed.source / odoo.PACKAGES / 'odoo'}")
    print(f"PYTHON={bed.python}")
    print(f"SUBSCRIPTION_OCA={bed.subscription}")
    for name, value in postgresql.environment(bed.instance).items():
        if name.startswith("PG"):
            print(f"{name}={value}")


def odoo_scratch(arguments):
    bed, log = test_odoo()
    template = odoo.template(bed, log)
    if not postgresql.database_exists(bed.instance, arguments.database):
        bed.copy(template, arguments.database)
    port = processes.free_port()
    print(f"http://127.0.0.1:{port}", flush=True)
    command = bed.command(
        "server", "-d", arguments.database, f"--http-port={port}", *arguments.rest
    )
    os.execve(command[0], [str(word) for word in command], bed.environment())


def odoo_shell(arguments):
    bed, _ = test_odoo()
    command = bed.command(
        "shell", "-d", arguments.database, "--no-http", *arguments.rest
    )
    os.execve(command[0], [str(word) for word in command], bed.environment())


def odoo_drop(arguments):
    bed, _ = test_odoo()
    bed.drop(arguments.database)


def psql(arguments):
    program = postgresql.PROGRAMS / "psql"
    words = [program, "-d", arguments.database, *arguments.rest]
    os.execve(
        program, [str(word) for word in words], postgresql.environment(test_bed())
    )


def kubernetes_up(arguments):
    bed = test_bed()
    log = bed.logs / "go-builds.log"
    pods.decide(bed, pods.wanted() or "simulated")
    cluster = kubernetes.Kubernetes(bed, log)
    cluster.ensure()
    ingress.daemon(bed, log).ensure()
    print(f"KUBECONFIG={cluster.kubeconfig}")
    print(f"KUBECTL={cluster.kubectl}")
    for name in ("helm", "kustomize"):
        print(f"{name.upper()}={go_programs.build(name, log)}")
    for name, value in gitea.ensure(bed, log).items():
        print(f"{name}={value}")


def kubernetes_down(arguments):
    bed = test_bed()
    log = bed.logs / "go-builds.log"
    gitea.daemon(bed).stop()
    ingress.daemon(bed, log).stop()
    for daemon in reversed([*kubernetes.Kubernetes(bed, log).daemons()]):
        daemon.stop()


if __name__ == "__main__":
    sys.exit(main())
