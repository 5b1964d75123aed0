"""What was done here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...resolver.engine.past import (
    TransactionRecord,
    newest_transactions,
    one_transaction,
    snapshots_before,
)
from .. import wire
from ..call import Call
from ..paging import pagination_of


async def list_transactions(call: Call) -> wire.Transactions:
    """Every transaction, newest first."""
    page: wire.Page = call.query
    return await call.desk.in_thread(_listed, call, page)


async def get_transaction(call: Call) -> wire.Transaction:
    """One transaction, as its journal tells."""
    return await call.desk.in_thread(_one, call)


def _listed(call: Call, page: wire.Page) -> wire.Transactions:
    state = call.desk.state
    records, total = newest_transactions(state, offset=page.offset, limit=page.limit)
    return wire.Transactions(transactions=_told(state, records), pagination=pagination_of(page, total))


def _one(call: Call) -> wire.Transaction:
    state = call.desk.state
    return _told(state, [one_transaction(state, call.params["id"])])[0]


def _told(state: Path, records: Sequence[TransactionRecord]) -> list[wire.Transaction]:
    before = snapshots_before(state, records)
    return [
        wire.Transaction.model_validate({**each.to_dict(), "snapshot": before.get(each.id, "")})
        for each in records
    ]
