"""What was done here."""

from __future__ import annotations

from ...resolver.engine.past import TransactionRecord, all_transactions, one_transaction
from .. import wire
from ..call import Call
from ..paging import part_of


async def list_transactions(call: Call) -> wire.Transactions:
    """Every transaction, newest first."""
    page: wire.Page = call.query
    return await call.desk.in_thread(_listed, call, page)


async def get_transaction(call: Call) -> wire.Transaction:
    """One transaction, as its journal tells."""
    return await call.desk.in_thread(_one, call)


def _listed(call: Call, page: wire.Page) -> wire.Transactions:
    records, pagination = part_of(all_transactions(call.desk.state), page)
    return wire.Transactions(transactions=[_told(each) for each in records], pagination=pagination)


def _one(call: Call) -> wire.Transaction:
    return _told(one_transaction(call.desk.state, call.params["id"]))


def _told(record: TransactionRecord) -> wire.Transaction:
    return wire.Transaction.model_validate(record.to_dict())
