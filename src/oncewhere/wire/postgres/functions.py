"""Which calls in a reading statement are harmless: a name goes in; whether it may write what others see comes out.

A SELECT can write through the functions that it calls, and its text does not say so. PostgreSQL's own functions that
reading statements commonly call are listed here; whatever else is called may write. The list errs on the safe side: a
harmless function that is missing costs a crash point that shows nothing.
"""

from __future__ import annotations

from typing import Final

_KEYWORDS: Final = """
    all and any array as between by case cast copy cube declare distinct else except exists explain filter from grouping
    having ilike in intersect interval is join lateral left like limit materialized not offset on only or over overlay
    partition position returning right rollup row rows select sets similar some symmetric tablesample then union using
    values when where with within
"""

_FUNCTIONS: Final = """
    abs age array_agg array_length array_position array_remove array_to_json array_to_string avg bit_and bit_length
    bit_or bool_and bool_or btrim cardinality ceil ceiling char_length chr clock_timestamp coalesce col_description
    concat concat_ws convert_from convert_to count cume_dist current_database current_schema current_schemas
    current_setting currval date date_bin date_part date_trunc decode dense_rank digest encode every exp extract
    first_value floor format format_type gen_random_uuid generate_series generate_subscripts get_byte greatest
    has_database_privilege has_schema_privilege has_table_privilege hashtext inet_client_addr inet_client_port
    inet_server_addr inet_server_port initcap isfinite json_agg json_array_elements json_array_elements_text
    json_array_length json_build_array json_build_object json_each json_extract_path json_object json_object_agg
    json_populate_record json_populate_recordset json_to_record json_to_recordset json_typeof jsonb_agg
    jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each
    jsonb_each_text jsonb_extract_path jsonb_object jsonb_object_agg jsonb_path_exists jsonb_path_query
    jsonb_populate_recordset jsonb_set jsonb_to_record jsonb_to_recordset jsonb_typeof justify_interval lag last_value
    lastval lead least length ln log lower lpad ltrim make_date make_interval make_timestamptz max md5 min mod mode
    nextval now nth_value ntile nullif num_nonnulls num_nulls numrange obj_description octet_length percent_rank
    percentile_cont percentile_disc pi plainto_tsquery power quote_ident quote_literal quote_nullable random range_agg
    rank regexp_count regexp_instr regexp_match regexp_matches regexp_replace regexp_split_to_array
    regexp_split_to_table regexp_substr repeat replace reverse round row_number row_to_json rpad rtrim set_config setval
    sha224 sha256 sha384 sha512 shobj_description sign split_part sqrt starts_with statement_timestamp string_agg
    string_to_array string_to_table strpos substr substring sum timeofday to_char to_date to_hex to_json to_jsonb
    to_number to_regclass to_regproc to_regtype to_timestamp to_tsquery to_tsvector transaction_timestamp translate trim
    trunc ts_rank tsrange tstzrange txid_current txid_snapshot_xmin unnest upper uuidv4 uuidv7 version width_bucket
    xmlagg
"""

_HARMLESS: Final = frozenset((_KEYWORDS + _FUNCTIONS).split())

_WRITING: Final = frozenset({"pg_notify", "pg_logical_emit_message"})
"""Of PostgreSQL's own `pg_…` functions, those whose doing others see when the transaction commits."""


def may_write(name: str, schema: str | None) -> bool:
    """Says whether a call may write.

    Args:
        name: the function's name, lower case unless it was quoted; or a keyword that stands before a parenthesis.
        schema: the schema that it was qualified with, or None.
    """
    if schema not in {None, "pg_catalog"}:
        return True
    return name in _WRITING or not (name in _HARMLESS or name.startswith("pg_"))
