"""What was ordered for a server, as instance_actions tell: read of suspects alone (derived.KEYED)."""

from __future__ import annotations

from sqlalchemy import Exists, FromClause, and_, exists, or_

from placement_audit import schema as t

CONFIRM, REVERT = "confirmResize", "revertResize"


def ordered(action: str, move: FromClause) -> Exists:
    """Whether that was ordered for the server after a move of it had begun."""
    order = t.instance_actions.alias(f"{action}_order")
    return (
        exists()
        .where(order.c.instance_uuid == move.c.instance_uuid, order.c.action == action)
        .where(or_(order.c.start_time >= move.c.created_at, order.c.start_time.is_(None)))
        .correlate_except(order)
    )


def confirm_was_last(move: FromClause) -> Exists:
    """Whether the last order for a resize was to confirm it: a confirmation begins with the guest on the destination.

    An order to revert of the same second may have been the later one. The rows of several moves cannot be told apart,
    so that any order to revert after this one began counts as this one's.
    """
    confirm, revert = t.instance_actions.alias("confirm_order"), t.instance_actions.alias("revert_order")
    reverted = (
        exists()
        .where(revert.c.instance_uuid == confirm.c.instance_uuid, revert.c.action == REVERT)
        .where(or_(revert.c.start_time >= confirm.c.start_time, revert.c.start_time.is_(None)))
        .correlate_except(revert)
    )
    return (
        exists()
        .where(confirm.c.instance_uuid == move.c.instance_uuid, confirm.c.action == CONFIRM)
        .where(and_(confirm.c.start_time >= move.c.created_at, ~reverted))
        .correlate_except(confirm)
    )
