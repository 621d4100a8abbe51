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

BOOKING = "create table booking (id bigserial primary key, order_no text, customer_id text, phone_no text, seats int);"
BY_A_KEY = "create table booking (booking_id text, order_id text);"


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
        ('r["order_no"]; r["customer"]', BOOKING, None, "order_no"),
        ('r["order_no"]; r["seats"]', "", "orders", None),
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


@pytest.mark.parametrize(
    ("code", "schema", "topic", "name"),
    [
        ('order.get("orderNo").asText(); order.path("seats").asInt();', BOOKING, None, "orderNo"),
        ('json.readTree(record.value()).path("orderNo");', BOOKING, None, "orderNo"),
        ('new JSONObject(text).getString("orderNo");', BOOKING, None, "orderNo"),
        ('record Order(@JsonProperty("orderNo") String number) {}', BOOKING, None, "orderNo"),
        ('order.get("orderNo"); order.get("customerId");', BOOKING, "orders", "orderNo"),
        ('order.get("orderNo"); order.get("phoneNo");', BOOKING, "orders", "orderNo"),
        ('order.get("orderNo"); order.get("phoneNo");', BOOKING, None, None),
        ('order.get("orderId");', BY_A_KEY, None, "orderId"),
        ('order.get("seatNo");', BY_A_KEY, None, None),
        ('rs.getString("order_id"); record.headers().get("order_id");', BY_A_KEY, None, None),
        ("", BOOKING, "orders", "customer_id"),
    ],
)
def test_what_java_takes_out_of_json_counts_where_a_table_has_the_column(
    tmp_path: Path, code: str, schema: str, topic: str | None, name: str | None
) -> None:
    (tmp_path / "Main.java").write_text(code)
    (tmp_path / "schema.sql").write_text(schema)
    told = likely_identity(tmp_path, None, schemas_of(tmp_path), topic)
    assert (None if told is None else told.value) == name
    assert told is None or not code or told.by.startswith("Main.java reads it, schema.sql has a column ")
