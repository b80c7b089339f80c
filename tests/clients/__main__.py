"""`python -m tests.clients [CLIENT ...] [--write]`: run clients and print the table of results."""

import argparse
import datetime
import sys

from tests.clients.catalogue import CLIENTS
from tests.clients.report import list_reasons, render_table, write_table
from tests.clients.runner import run_client
from tests.support.live_daemon import Daemon, DaemonSetup


def main() -> int:
    """Run the named clients, or all; return 1 if a scenario failed."""
    parser = argparse.ArgumentParser(prog="clients", description="Run real client programs against codexd.")
    parser.add_argument("client", nargs="*", choices=[[], *(client.slug for client in CLIENTS)], metavar="client")
    parser.add_argument("--write", action="store_true", help="write the table into docs/clients.md")
    asked = parser.parse_args()
    chosen = [client for client in CLIENTS if not asked.client or client.slug in asked.client]
    results = {}
    daemon = Daemon(DaemonSetup()).start()
    try:
        daemon.await_ready()
        for client in chosen:
            results[client.slug] = run_client(client, daemon)
            print(client.slug, *(f"{name}={one.passed}" for name, one in results[client.slug].items()), flush=True)
    finally:
        daemon.discard()
    table = render_table(results, datetime.date.today().isoformat())
    print(f"\n{table}\n{list_reasons(results)}")
    if asked.write:
        write_table(table)
    return int(any(one.passed is False for outcomes in results.values() for one in outcomes.values()))


if __name__ == "__main__":
    sys.exit(main())
