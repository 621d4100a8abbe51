"""Which calls in a reading statement are harmless in MySQL and MariaDB: a name goes in; whether it may write comes out.

A SELECT can write through a stored function, and its text does not say so. The servers' own functions that reading
statements commonly call are listed here; whatever else is called may write. The list errs on the safe side, as that for
PostgreSQL does.
"""

from __future__ import annotations

from typing import Final

_KEYWORDS: Final = """
    all and any as between by case cast convert distinct div else end exists from group having if ifnull in index
    interval intersect is join key left like limit match mod not nullif offset on or order over partition regexp right
    rlike row select set some then union unique using values when where with within xor
"""

_TYPES: Final = "bigint binary bit char date datetime decimal double enum float int integer numeric time varchar year"

_FUNCTIONS: Final = """
    abs acos adddate addtime aes_decrypt aes_encrypt any_value ascii asin atan atan2 avg benchmark bin bin_to_uuid
    bit_and bit_count bit_length bit_or bit_xor ceil ceiling char_length character_length charset coalesce
    coercibility collation compress concat concat_ws connection_id conv convert_tz cos cot count crc32 cume_dist curdate
    current_date current_role current_time current_timestamp current_user curtime database date_add date_format
    date_sub datediff day dayname dayofmonth dayofweek dayofyear decode default degrees dense_rank elt encode exp
    export_set extract field find_in_set first_value floor format format_bytes found_rows from_base64 from_days
    from_unixtime get_format get_lock greatest group_concat hex hour inet6_aton inet6_ntoa inet_aton inet_ntoa insert
    instr is_free_lock is_ipv4 is_ipv6 is_used_lock is_uuid isnull json_array json_array_append json_array_insert
    json_arrayagg json_compact json_contains json_contains_path json_depth json_detailed json_equals json_exists
    json_extract json_insert json_keys json_length json_merge json_merge_patch json_merge_preserve json_normalize
    json_object json_objectagg json_overlaps json_pretty json_query json_quote json_remove json_replace json_search
    json_set json_table json_type json_unquote json_valid json_value lag last_day last_insert_id last_value lcase lead
    least length ln load_file localtime localtimestamp locate log log10 log2 lower lpad ltrim make_set makedate maketime
    max md5 median microsecond mid min minute month monthname name_const nth_value ntile now nvl nvl2 oct octet_length
    old_password ord password percent_rank percentile_cont percentile_disc period_add period_diff pi point position pow
    power quarter quote radians rand random_bytes rank regexp_instr regexp_like regexp_replace regexp_substr
    release_all_locks release_lock repeat replace reverse round row_count row_number rpad rtrim schema sec_to_time
    second session_user sha sha1 sha2 sign sin sleep soundex space sqrt std stddev stddev_pop stddev_samp str_to_date
    strcmp subdate substr substring substring_index subtime sum sys_guid sysdate system_user tan time_format time_to_sec
    timediff timestamp timestampadd timestampdiff to_base64 to_char to_days to_seconds trim truncate ucase
    uncompress uncompressed_length unhex unix_timestamp upper user utc_date utc_time utc_timestamp uuid uuid_short
    uuid_to_bin validate_password_strength var_pop var_samp variance version week weekday weekofyear weight_string
    yearweek
"""

_HARMLESS: Final = frozenset((_KEYWORDS + " " + _TYPES + _FUNCTIONS).split())


def may_write(name: str, schema: str | None) -> bool:
    """Says whether a call may write.

    Args:
        name: the function's name, or a keyword that stands before a parenthesis.
        schema: the schema that it was qualified with, or None.
    """
    return schema is not None or name.lower() not in _HARMLESS
