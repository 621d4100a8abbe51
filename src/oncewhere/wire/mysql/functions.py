"""Which calls in a reading statement are harmless: a name goes in; whether it may write what others see comes out.

A stored function may write, and the text of a SELECT does not say so. The functions of MySQL and MariaDB themselves
that reading statements commonly call are listed here; whatever else is called may write. The list errs on the safe
side: a harmless function that is missing costs a crash point that shows nothing.
"""

from __future__ import annotations

from typing import Final

_KEYWORDS: Final = """
    against all and any as between binary by case char character collate cross decimal delete distinct div dual
    duplicate else except exists explain force fulltext group having ignore in index insert intersect interval
    into is join key lateral left like limit match mod natural not numeric offset on or order over partition
    regexp replace right rlike row rows select set signed some straight_join table then union unsigned update use
    using values varchar when where window with xor
"""

_FUNCTIONS: Final = """
    abs acos adddate addtime aes_decrypt aes_encrypt any_value ascii asin atan atan2 avg benchmark bin bin_to_uuid
    bit_and bit_count bit_length bit_or bit_xor cast ceil ceiling char_length character_length charset chr
    coalesce coercibility collation compress concat concat_ws connection_id conv convert convert_tz cos cot count
    crc32 cume_dist curdate current_date current_role current_time current_timestamp current_user curtime database
    date date_add date_format date_sub datediff day dayname dayofmonth dayofweek dayofyear decode_histogram
    default degrees dense_rank elt exp export_set extract extractvalue field find_in_set first_value floor format
    format_bytes format_pico_time found_rows from_base64 from_days from_unixtime get_format get_lock greatest
    group_concat grouping hex hour if ifnull inet6_aton inet6_ntoa inet_aton inet_ntoa instr is_free_lock
    is_used_lock is_uuid isnull json_array json_array_append json_array_insert json_arrayagg json_compact
    json_contains json_contains_path json_depth json_detailed json_equals json_exists json_extract json_insert
    json_keys json_length json_loose json_merge json_merge_patch json_merge_preserve json_normalize json_object
    json_objectagg json_overlaps json_pretty json_query json_quote json_remove json_replace json_schema_valid
    json_search json_set json_storage_size json_table json_type json_unquote json_valid json_value lag last_day
    last_insert_id last_value lastval lcase lead least length ln load_file localtime localtimestamp locate log
    log10 log2 lower lpad ltrim make_set makedate maketime max md5 median microsecond mid min minute mod month
    monthname name_const natural_sort_key nextval now nth_value ntile nullif nvl nvl2 oct octet_length ord
    password percent_rank percentile_cont percentile_disc period_add period_diff pi position pow power quarter
    quote radians rand random_bytes rank regexp_instr regexp_like regexp_replace regexp_substr release_all_locks
    release_lock repeat reverse round row_count row_number rpad rtrim schema sec_to_time second session_user
    setval sha sha1 sha2 sign sin sleep soundex space sqrt st_asgeojson st_astext st_contains st_distance
    st_geomfromtext st_within st_x st_y std stddev stddev_pop stddev_samp str_to_date strcmp subdate substr
    substring substring_index subtime sum sys_guid sysdate system_user tan time time_format time_to_sec timediff
    timestamp timestampadd timestampdiff to_base64 to_char to_date to_days to_number to_seconds trim trunc
    truncate ucase uncompress unhex unix_timestamp updatexml upper user utc_date utc_time utc_timestamp uuid
    uuid_short uuid_to_bin uuid_v4 uuid_v7 validate_password_strength var_pop var_samp variance version week
    weekday weekofyear weight_string year yearweek
"""

_HARMLESS: Final = frozenset((_KEYWORDS + _FUNCTIONS).split())


def may_write(name: str, schema: str | None) -> bool:
    """Says whether a call may write.

    Args:
        name: the function's name in lower case, or a keyword that stands before a parenthesis.
        schema: the schema that it was qualified with, or None; a server's own functions have none.
    """
    return schema is not None or name.lower() not in _HARMLESS
