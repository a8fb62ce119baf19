# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from contextlib import contextmanager

import psycopg2
from psycopg2.errors import LockNotAvailable
from psycopg2.extensions import TransactionRollbackError

from odoo.exceptions import ConcurrencyError, UserError

# Another transaction was faster with the same rows (a serialization failure, a
# deadlock, a lock that was not free): nothing is wrong, it is run again as a whole.
# Where a violated unique index means that, it is raised as ConcurrencyError.
TRY_AGAIN = (TransactionRollbackError, LockNotAvailable, ConcurrencyError)


# In the context of a transaction that is done again step by step where any of it fails:
# it needs no savepoints.
AT_ONCE = "kubernetes_at_once"


def at_once(together, one_by_one, on_error):
    """Do for many together what hardly ever fails. Where it does,
    ``on_error(exception)`` says so, and all of it is done again one by one, so that no
    step harms another."""
    try:
        return together()
    except TRY_AGAIN:
        raise
    except Exception as error:
        on_error(error)
    return one_by_one()


@contextmanager
def isolated(env, on_error):
    """Run a step that must not undo what came before it in the transaction.

    When it fails, what it wrote goes back, ``on_error(exception)`` says so to whom it
    concerns, and what stands after the block is reached. Only what makes the whole
    transaction run again is raised: anything where it is done again one by one.
    """
    if env.context.get(AT_ONCE):
        yield
        return
    env.cr.flush()  # what fails here is not the step's
    try:
        with env.cr.savepoint():
            yield
    except TRY_AGAIN:
        raise
    except Exception as error:
        on_error(error)


def known_reason(env, error):
    """Why something failed, in words for operators, or None: what our checks and Odoo's
    say, and what the constraints of the database are there for."""
    if isinstance(error, UserError):
        return error.args[0]
    if isinstance(error, psycopg2.IntegrityError):
        models = env.registry.values()
        names = (m._name for m in models if m._table == error.diag.table_name)
        return env[next(names, "base")]._sql_error_to_message(error)
    return None


def error_summary(error):
    """Any other error in a few words, without the statement that a database quotes."""
    reason = type(error).__name__
    if not isinstance(error, psycopg2.Error) and str(error).strip():
        reason += f": {str(error).strip().splitlines()[0][:200]}"
    return reason
