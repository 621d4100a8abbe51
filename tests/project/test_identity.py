"""What probably names the business event, by the code and the tables; where several may, nothing is guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from oncewhere.project.identity import likely_identity
from oncewhere.project.schemas import schemas_of

REFUND = "create table refund (refund_id text primary key, customer_id text, order_id text references orders);"
INVOICES = """
create table customer (customer_id text primary key, owed numeric);
create table invoice (invoice_id bigserial primary key, {reference}, order_id text, total numeric);
create table processed_order ({key});
"""
OF_ORDERS = INVOICES.format(reference="customer_id text references customer", key="order_id text primary key")
OF_LINES = INVOICES.format(reference="total_cents int", key="order_id text, line int, primary key (order_id, line)")
OF_MYSQL = INVOICES.format(
    reference="customer_id text, foreign key (customer_id) references `customer` (`customer_id`)", key="at int"
)
SEVERAL = "create table refund (refund_id text, customer_id text);"


@pytest.mark.parametrize(
    ("code", "schema", "topic", "name"),
    [
        ('r["refund_id"]; r["amount"]', "", None, "refund_id"),
        ('r.get("refundId"); os.environ["INSTANCE_ID"]; os.environ.get("POD_ID")', REFUND, None, "refundId"),
        ('r["refund_id"]; r["customer_id"]', REFUND, None, "refund_id"),
        ('r["refund_id"]; r["customer_id"]', SEVERAL, None, None),
        ('r["refund_id"]; r["customer_id"]', SEVERAL, "refund-requested", "refund_id"),
        ('r["event_id"]; r["refund_id"]', REFUND, "refund-requested", "event_id"),
        ('r["paid"]; conf["group_id"]; r["refund_id"] = 3', "", None, None),
        ("", REFUND, None, "refund_id"),
        ("", OF_ORDERS, None, "order_id"),
        ("", OF_LINES, None, "order_id"),
        ("", OF_MYSQL, None, "order_id"),
        ("", SEVERAL, None, None),
        ("no python", "", None, None),
    ],
)
def test_one_name_is_guessed_where_only_one_is_likely(
    tmp_path: Path, code: str, schema: str, topic: str | None, name: str | None
) -> None:
    (tmp_path / "refunds.py").write_text(code)
    (tmp_path / "schema.sql").write_text(schema)
    told = likely_identity(tmp_path, "refunds.py", schemas_of(tmp_path), topic)
    assert (None if told is None else told.value) == name
    assert told is None or not told.sure
