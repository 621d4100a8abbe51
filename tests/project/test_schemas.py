"""Which column of a project's tables tells how often an event happened, as far as names can say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from oncewhere.project.events import identities
from oncewhere.project.schemas import Schema, schemas_of

TABLES = """
create table customer (customer_id text primary key, owed numeric);
create table invoice (
    invoice_id  bigint generated always as identity primary key,
    customer_id text not null references customer,
    request_id  uuid default gen_random_uuid(),
    order_id    text not null,
    total       numeric(12, 2) not null
);
"""


@pytest.fixture
def schema(tmp_path: Path) -> Schema:
    (tmp_path / "schema.sql").write_text(TABLES)
    (found,) = schemas_of(tmp_path)
    return found


def test_a_column_that_the_database_counts_up_is_never_proposed(schema: Schema) -> None:
    assert schema.observe("invoice_id") is None
    assert schema.guess() == "select order_id, count(*) from invoice group by order_id"


@pytest.mark.parametrize("identity", ["order_id", "orderId", "orderID"])
def test_a_field_in_jsons_spelling_is_the_column_in_sqls(schema: Schema, identity: str) -> None:
    assert schema.observe(identity) == "select order_id, count(*) from invoice group by order_id"


def test_what_only_seldom_names_the_event_is_taken_where_its_name_says_so(schema: Schema) -> None:
    assert schema.observe("requestId") == "select request_id, count(*) from invoice group by request_id"


@pytest.mark.parametrize(
    "line", ["id bigserial primary key", "id int auto_increment", "id integer primary key autoincrement"]
)
def test_each_system_counts_up_in_its_own_words(tmp_path: Path, line: str) -> None:
    (tmp_path / "schema.sql").write_text(f"create table paid (\n  {line},\n  note text\n);")
    (found,) = schemas_of(tmp_path)
    assert found.tables == {"paid": ("note",)}


def test_an_input_is_told_apart_by_what_a_table_has_a_column_for(tmp_path: Path) -> None:
    lines = ('{"value": {"traceId": "t1", "orderNo": 1}}', '{"value": {"traceId": "t2", "orderNo": 2}}')
    (tmp_path / "inputs.jsonl").write_text("\n".join(lines))
    assert identities(tmp_path / "inputs.jsonl", ["order_no"])[0] == "orderNo"


def test_migrations_are_one_schema_in_the_order_of_their_versions(tmp_path: Path) -> None:
    texts = {
        "V1__first": TABLES,
        "V10__more": "alter table paid add note text;",
        "V2__paid": "create table paid (id text);",
    }
    folder = tmp_path / "db" / "migration"
    folder.mkdir(parents=True)
    for name, text in texts.items():
        (folder / f"{name}.sql").write_text(text)
    (tmp_path / "schema.sql").write_text("create table settled (event_id text);")
    alone, migrations = schemas_of(tmp_path)
    assert (alone.files, alone.file) == (("schema.sql",), "schema.sql")
    assert [Path(file).stem for file in migrations.files] == ["V1__first", "V2__paid", "V10__more"]
    assert (migrations.file, set(migrations.tables)) == ("db/migration", {"customer", "invoice", "paid"})


MYSQL = """
-- what it owes; one row (each
/* create table old (event_id text); */
CREATE TABLE IF NOT EXISTS `customer` (
  `customer_id` varchar(36) NOT NULL COMMENT 'it\\'s ); references',
  PRIMARY KEY (`customer_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
# the payments
CREATE TABLE `paid` (
  `id` bigint NOT NULL AUTO_INCREMENT, -- counted, up
  `event_id` varchar(36) NOT NULL,
  `cents` decimal(12,2) NOT NULL,
  `key` int,
  PRIMARY KEY (`id`), UNIQUE KEY `paid_event` (`event_id`)
) ENGINE=InnoDB AUTO_INCREMENT=7 COMMENT='(a';
"""


def test_a_schema_of_mysql_is_read_to_the_parenthesis_that_closes_each_table(tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text(MYSQL)
    (found,) = schemas_of(tmp_path)
    assert found.tables == {"customer": ("customer_id",), "paid": ("event_id", "cents", "key")}
    assert found.unlikely == frozenset()
    assert found.observe("event_id") == "select event_id, count(*) from paid group by event_id"


@pytest.mark.parametrize("behind", ["", ";", " without rowid;", " STRICT, WITHOUT ROWID;", " partition by hash (a);"])
def test_what_stands_behind_a_table_does_not_join_it_to_the_next(tmp_path: Path, behind: str) -> None:
    (tmp_path / "schema.sql").write_text(f"create table one (a text, b text){behind}\ncreate table two (c text);")
    (found,) = schemas_of(tmp_path)
    assert found.tables == {"one": ("a", "b"), "two": ("c",)}


@pytest.mark.parametrize(
    "text",
    [
        "create table paid (a text check (a like 'x\\_(%' escape '\\'), unique(a), b int default f('),'));",
        'create table "paid" (a /* ) */ text, -- no, not (\n "b" int, like other including all);',
        "create function f() as $x$ create table no (n int); $x$;\ncreate table paid (a int, b int) strict",
    ],
)
def test_remarks_and_strings_are_no_columns(tmp_path: Path, text: str) -> None:
    (tmp_path / "schema.sql").write_text(text)
    (found,) = schemas_of(tmp_path)
    assert found.tables == {"paid": ("a", "b")}


def test_a_table_that_is_not_closed_is_none(tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text("create table paid (a int, b int")
    assert schemas_of(tmp_path) == []


@pytest.mark.parametrize("key", ["event_id text primary key", "event_id text,\n  unique (event_id)"])
def test_a_column_of_which_the_database_keeps_one_row_each_is_proposed_last(tmp_path: Path, key: str) -> None:
    dedupe = f"create table processed_event (\n  {key}\n);"
    (tmp_path / "schema.sql").write_text(f"{dedupe}\ncreate table settlement (\n  event_id text,\n  amount int\n);")
    (schema,) = schemas_of(tmp_path)
    assert schema.observe("event_id") == "select event_id, count(*) from settlement group by event_id"
    (tmp_path / "schema.sql").write_text(dedupe)
    (schema,) = schemas_of(tmp_path)
    assert schema.observe("event_id") == "select event_id, count(*) from processed_event group by event_id"


def test_a_count_that_can_show_a_second_time_goes_before_one_by_what_a_foreign_key_points_at(tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text(TABLES + "create table processed_order (order_id text primary key);")
    (schema,) = schemas_of(tmp_path)
    assert schema.guess() == "select order_id, count(*) from invoice group by order_id"
    assert schema.observe("customer_id") == "select customer_id, count(*) from invoice group by customer_id"
    assert schema.blind("select customer_id, count(*) from invoice group by customer_id") is None
    by_key = "select customer_id, count(*) from customer group by customer_id"
    assert schema.blind(by_key) == ("customer", "customer_id")
