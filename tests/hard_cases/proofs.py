"""Which tests prove the hard cases: for each of the 27 groups its clauses, and for each clause its tests.

Plain data. A test is named by its node id, without parameters and without the leading `tests/`.
"""

from __future__ import annotations

Clauses = dict[str, list[str]]

_ACCEPTANCE_PURGE = "acceptance/test_purge_during_render.py"
_API = "hard_cases/test_api_and_security.py"
_BAD = "api/test_bad_input.py"
_BLOBS = "blobs/test_filesystem.py"
_FULL = "storage/test_full_disk.py"
_GLOBS = "cache/test_globs.py"
_INDEX = "contracts/test_entry_index.py"
_ISOLATION = "api/test_isolation.py::TestAStranger"
_KEY = "cache/test_key.py"
_LOG = "contracts/test_purge_log.py"
_MANY = "acceptance/test_many_processes.py"
_MILLION = "hard_cases/test_a_million.py"
_MOMENT = "cache/test_purge_request.py::test_a_moment_is_read_to_the_microsecond"
_PLAN = "api/test_respond.py"
_POWER = "hard_cases/test_power_loss.py"
_PURGE = "api/test_purge_route.py"
_RACES = "hard_cases/test_races.py"
_READ_ONLY = "hard_cases/test_read_only_and_locked.py"
_ROOM = "cache/test_room.py"
_SHOTS_PURGE = "shots/test_purge_during_render.py"
_SPOILT = "cache/test_store.py::test_a_picture_that_is_not_what_was_written_is_a_miss_and_its_entry_dropped"
_TIME = "hard_cases/test_time.py"
_URL_KEY = "cache/test_url_key.py"
_URLS = "hard_cases/test_urls_and_globs.py"

PROOFS: dict[int, tuple[str, Clauses]] = {
    1: (
        "a purge completes between the start and the end of a render",
        {
            "not stored, GET is 404, the caller still gets its image; for keys, url, pattern, before, all": [
                f"{_ACCEPTANCE_PURGE}::test_a_purge_during_a_render_leaves_nothing_behind",
                f"{_SHOTS_PURGE}::test_a_purged_render_answers_its_callers_and_leaves_nothing_behind",
                "cache/test_interleavings.py::test_no_interleaving_shows_what_was_purged_or_has_expired",
            ],
            "DELETE": [
                f"{_ACCEPTANCE_PURGE}::test_a_delete_during_a_render_leaves_nothing_behind",
                (
                    f"{_SHOTS_PURGE}::"
                    "test_deleting_a_key_whose_render_runs_bars_it_though_there_is_nothing_to_delete"
                ),
            ],
            "with the render in another process": [
                (
                    f"{_RACES}::TestARenderInAnotherProcess::"
                    "test_started_before_a_purge_and_finished_after_it_is_answered_and_not_stored"
                ),
                f"{_ACCEPTANCE_PURGE}::test_a_purge_by_the_command_line_is_obeyed_too",
            ],
        },
    ),
    2: (
        "who comes after the purge does not get the bytes of before it",
        {
            "B must not receive A's": [
                f"{_ACCEPTANCE_PURGE}::test_who_asks_after_the_purge_does_not_get_the_render_from_before_it",
                f"{_SHOTS_PURGE}::test_who_asks_after_the_purge_gets_the_page_of_after_it",
            ]
        },
    ),
    3: (
        "two renders of one key",
        {
            "the later-started stays": [
                f"{_INDEX}::test_of_two_renders_the_one_that_began_later_stays_whichever_ends_last",
                (
                    "shots/test_take.py::"
                    "test_the_newest_refresh_of_a_custom_key_stays_whatever_else_was_asked_under_it"
                ),
            ]
        },
    ),
    4: (
        "500 identical misses over 4 processes",
        {
            "one render, 499 collapsed": [
                f"{_MANY}::test_five_hundred_callers_of_four_processes_load_the_page_once"
            ],
            "kill -9 of the holder: one more within 15 s, nobody else sees an error": [
                f"{_MANY}::test_a_holder_that_is_killed_is_replaced_and_nobody_else_sees_an_error"
            ],
        },
    ),
    5: (
        "a holder stopped past its lease",
        {
            "its store is refused when it resumes": [
                f"{_MANY}::test_a_holder_that_is_stopped_is_replaced_and_may_not_store_when_it_wakes",
                "contracts/test_leases.py::test_the_former_holder_stores_no_more",
            ]
        },
    ),
    6: (
        "a refresh while readers stream the old picture slowly",
        {
            "each stream is one version, Content-Length honest": [
                (
                    f"{_RACES}::TestARefreshWhileReadersStream::"
                    "test_every_stream_is_one_version_byte_for_byte_and_as_long_as_it_said"
                )
            ]
        },
    ),
    7: (
        "a large purge among readers and writers",
        {
            "no reader sees a purged entry, the count is exact, no write waits for the sweep": [
                (
                    f"{_RACES}::TestALargePurgeAmongReadersAndWriters::test_no_reader_sees_what_is_gone_the_count_"
                    "is_exact_and_no_write_waits_for_the_sweep"
                ),
                f"{_MANY}::test_no_process_serves_what_another_has_purged_however_often_they_race",
            ],
            "a million entries, 200 readers, 20 writers (nightly)": [
                (
                    f"{_MILLION}::test_a_purge_of_a_million_among_readers_and_writers_is_seen_by_all_and_its_"
                    "count_exact"
                )
            ],
        },
    ),
    8: (
        "overlapping purges",
        {
            "no entry counted twice, a second purge counts 0": [
                (
                    f"{_RACES}::TestPurgesAtOnce::"
                    "test_that_overlap_count_no_entry_twice_and_a_second_one_nothing"
                ),
                f"{_LOG}::test_purges_at_once_count_no_entry_twice",
                f"{_PURGE}::test_a_hundred_purges_at_once_count_each_entry_once",
            ]
        },
    ),
    9: (
        "eviction, expiry, purge sweep and orphan sweep over one entry",
        {
            "one blob delete, counters right, no error": [
                (
                    f"{_RACES}::TestEverythingThatLetsGo::"
                    "test_one_blob_is_deleted_once_the_counters_are_right_and_nothing_fails"
                ),
                (
                    f"{_ROOM}::TestEvictionBesideOthers::"
                    "test_eviction_purge_sweep_and_expiry_of_the_same_entries_delete_each_blob_once"
                ),
                "cache/test_machine.py::test_the_cache_is_what_a_plain_model_says_after_every_step",
            ]
        },
    ),
    10: (
        "kill -9 at every step of a store",
        {
            "no row without its blob, orphans gone after a sweep, tmp emptied": [
                (
                    "storage/test_kill.py::"
                    "test_whenever_the_process_is_killed_the_next_start_finds_all_it_acknowledged_and_no_more"
                ),
                "storage/test_kill.py::test_a_start_removes_what_was_left_half_written_an_hour_ago_by_itself",
                "storage/test_kill.py::test_a_refresh_that_is_killed_leaves_the_old_picture_or_the_new_one",
            ]
        },
    ),
    11: (
        "power loss",
        {
            "no truncated or zero picture is served": [
                f"{_POWER}::test_whatever_a_power_cut_leaves_no_spoilt_picture_is_served_and_no_purge_undone",
                f"{_POWER}::test_a_sync_that_was_left_out_would_be_noticed",
            ]
        },
    ),
    12: (
        "a full disk",
        {
            "at temp write and rename": [f"{_FULL}::TestEveryStep::test_of_writing_a_blob_may_fail"],
            "at the WAL's append": [
                f"{_FULL}::TestEveryStep::test_of_the_commit_may_fail",
                (
                    f"{_FULL}::TestEveryStep::"
                    "test_of_a_group_commit_may_fail_and_nobodys_write_is_done_twice_or_half"
                ),
            ],
            "at a checkpoint": [
                (
                    f"{_FULL}::TestAFullDisk::"
                    "test_a_checkpoint_that_finds_no_room_loses_nothing_and_is_made_up_for"
                )
            ],
            "the request still answers, nothing half stored, recovery without restart": [
                (
                    f"{_FULL}::TestAFullDisk::"
                    "test_a_picture_is_answered_uncached_and_all_is_well_once_there_is_room"
                ),
                f"{_FULL}::test_the_reply_says_that_the_disk_is_full",
            ],
            "eviction can commit": [
                (
                    f"{_FULL}::TestAFullDisk::"
                    "test_eviction_can_be_written_down_and_makes_the_room_that_stores_need"
                ),
                f"{_FULL}::TestAFullDisk::test_a_purge_and_a_delete_can_be_written_down",
            ],
        },
    ),
    13: (
        "a blob that is not what was written",
        {
            "truncated, extended, a directory": [_SPOILT],
            "bit-flipped, and counted": [
                (
                    "cache/test_verifier.py::"
                    "test_a_picture_with_one_bit_flipped_is_never_served_dropped_and_counted"
                ),
                (
                    "storage/test_kill.py::"
                    "test_after_a_crash_a_bit_that_has_flipped_is_found_before_it_is_served"
                ),
            ],
            "a link is never followed": [_SPOILT, f"{_BLOBS}::test_a_link_is_not_followed"],
        },
    ),
    14: (
        "what is no picture",
        {
            "0 bytes and an HTML error are refused at store": [
                "cache/test_store.py::test_bytes_that_are_no_png_are_not_kept_as_one",
                "shots/test_take.py::test_what_is_no_picture_is_answered_but_not_remembered",
            ],
            "a zero-length file is a miss": [_SPOILT],
        },
    ),
    15: (
        "read-only and locked",
        {
            "the blob directory": [f"{_READ_ONLY}::test_a_read_only_blob_directory_costs_only_the_storing"],
            "a clear health signal": [
                "api/test_health.py::test_blobs_that_cannot_be_written_are_told_and_all_recovers",
                (
                    "api/test_health.py::"
                    "test_an_index_that_is_locked_is_told_hits_and_captures_go_on_and_all_recovers"
                ),
            ],
            "the index, read-only or locked by another process": [
                (
                    f"{_READ_ONLY}::"
                    "test_an_index_that_cannot_be_written_is_passed_by_and_told_to_whoever_manages_it"
                ),
                f"{_READ_ONLY}::test_a_server_whose_index_is_read_only_from_the_start_says_what_is_wrong",
                "sql/test_database.py::test_a_lock_held_by_another_process_is_waited_for_and_then_given_up",
            ],
        },
    ),
    16: (
        "clocks that jump or differ",
        {
            "between store, purge and look-up": [
                f"{_TIME}::TestAClockThatJumps::test_between_store_purge_and_look_up_brings_nothing_back",
                f"{_INDEX}::test_order_is_by_number_so_a_clock_set_back_lets_nothing_through",
                f"{_LOG}::test_what_had_expired_does_not_return_when_the_clock_is_set_back_after_the_purge",
            ],
            "two nodes 90 s apart": [
                f"{_TIME}::TestTwoNodesNinetySecondsApart::test_no_purged_entry_returns_and_later_ones_stay",
                (
                    f"{_TIME}::TestTwoNodesNinetySecondsApart::"
                    "test_nor_does_one_over_http_whichever_process_is_ahead"
                ),
            ],
            "a TTL's error is the skew": [
                f"{_TIME}::TestTwoNodesNinetySecondsApart::test_the_error_of_a_ttl_is_the_skew_and_no_more"
            ],
        },
    ),
    17: (
        "moments at the edge",
        {
            "ttl 0, minimum, maximum, beyond, negative, float, string": [
                "cache/test_freshness.py::test_a_ttl_within_its_bounds_is_granted",
                "cache/test_freshness.py::test_a_ttl_outside_its_bounds_is_refused_by_name",
                f"{_BAD}::test_an_option_that_cannot_be_honoured",
            ],
            "exactly at fresh_until; X-Cache-Expires is the instant of 404": [
                "api/test_expiry.py::test_it_lives_up_to_that_instant_and_not_a_microsecond_longer"
            ],
            "before in the year 9999, before in the future": [
                f"{_TIME}::TestBeforeInTheFuture::test_takes_what_is_there_and_nothing_that_comes_later"
            ],
            "nanoseconds, +05:30, date only, no offset": [_MOMENT],
            "leap second": ["cache/test_purge_request.py::test_what_is_no_moment_is_refused"],
        },
    ),
    18: (
        "metacharacters",
        {
            "in real URLs they match themselves only": [
                f"{_URLS}::test_every_metacharacter_matches_itself_alone",
                f"{_URLS}::test_so_do_the_brackets_of_an_ipv6_host_and_the_wildcards_of_like",
                f"{_GLOBS}::test_a_metacharacter_means_itself_alone",
            ],
            "a newline": [f"{_GLOBS}::test_a_bad_pattern_is_refused_in_the_name_of_its_field"],
            "patterns with an escaped star": [
                "capture/test_wildcards.py::test_a_pattern_covers_a_text_from_end_to_end"
            ],
            "10,000 groups in milliseconds": [
                "capture/test_wildcards.py::test_a_hostile_pattern_is_answered_in_milliseconds",
                (
                    f"{_URLS}::"
                    "test_a_pattern_of_ten_thousand_stars_is_refused_and_of_two_thousand_answered_at_once"
                ),
            ],
        },
    ),
    19: (
        "boundaries",
        {
            "what /blog/* touches and what it does not": [
                f"{_URLS}::test_boundaries",
                f"{_GLOBS}::test_a_folder_and_a_star_mean_what_is_in_the_folder",
            ],
            "slashes, empty path, ports, userinfo, upper case": [
                f"{_GLOBS}::test_no_port_is_the_schemes_own_and_a_star_is_any",
                f"{_GLOBS}::test_credentials_are_not_compared",
                f"{_GLOBS}::test_without_a_slash_the_host_ends_where_a_url_would_end_it",
                f"{_URL_KEY}::test_equivalent_spellings_have_one_canonical_url",
                f"{_URL_KEY}::test_pages_that_may_differ_have_different_keys",
            ],
        },
    ),
    20: (
        "Unicode",
        {
            "IDN and percent forms, NFC and NFD, hex case, %7E, %2F, invalid UTF-8, emoji, dotless i": [
                f"{_URLS}::test_unicode",
                f"{_GLOBS}::test_pattern_and_url_meet_in_one_spelling",
                f"{_URL_KEY}::test_equivalent_spellings_have_one_canonical_url",
            ],
            "the upper bound of a range ending in U+10FFFF or before the surrogates": [
                f"{_URLS}::test_unicode",
                f"{_URL_KEY}::test_a_key_is_printable_ascii_without_spaces_or_credentials",
                "cache/test_glob_plans.py::test_a_plan_holds_every_match_once_and_an_exact_one_nothing_else",
            ],
            "a host of 253 characters, a URL of 64 KB": [
                f"{_URLS}::test_unicode",
                f"{_URL_KEY}::test_the_longest_hosts_and_urls_have_keys",
            ],
        },
    ),
    21: (
        "query strings",
        {
            "order, duplicates, empty ?, + and %20, ?id=*": [
                f"{_URLS}::test_query_strings_and_fragments",
                f"{_GLOBS}::test_queries_and_fragments_are_compared_as_they_are",
                f"{_URL_KEY}::test_pages_that_may_differ_have_different_keys",
            ]
        },
    ),
    22: (
        "fragments",
        {
            "two entries; a trailing star covers both": [
                f"{_URLS}::test_query_strings_and_fragments",
                f"{_GLOBS}::test_after_the_host_a_star_crosses_everything",
            ]
        },
    ),
    23: (
        "index plans",
        {
            "a range search for every anchored pattern": [
                "sql/test_plans.py::test_an_anchored_purge_searches_every_table_it_touches",
                "sql/test_plans.py::test_a_look_up_searches_every_table_it_touches",
                "cache/test_glob_plans.py::test_an_anchored_pattern_is_a_few_ranges",
            ]
        },
    ),
    24: (
        "keys and tenants",
        {
            "dots, escapes, NUL, absolute, 4 KB, empty, /, ?, #, space, comma, emoji": [
                f"{_BAD}::test_a_key_that_no_entry_can_have",
                f"{_BAD}::test_a_key_that_merely_is_not_there",
                f"{_BAD}::test_an_option_that_cannot_be_honoured",
                f"{_KEY}::test_a_custom_key_may_not_be",
                f"{_KEY}::test_what_cannot_name_an_entry_is_refused",
            ],
            "case variants": [f"{_KEY}::test_a_custom_key_is_the_whole_identity"],
            "a custom key equal to another tenant's auto key": [
                f"{_ISOLATION}::test_cannot_take_a_derived_key_for_a_name_of_its_own"
            ],
            "the same key in two tenants": [f"{_ISOLATION}::test_may_use_the_same_name_for_something_else"],
            "a purge of * never touches another tenant": [
                "api/test_isolation.py::test_a_purge_of_everything_leaves_everyone_else_everything",
                f"{_ISOLATION}::test_cannot_purge_it_nor_learn_that_it_is_there",
            ],
            "counts and timing reveal nothing": [
                (
                    f"{_API}::TestAStranger::"
                    "test_causes_the_same_work_whether_or_not_somebody_else_has_the_entry"
                ),
                f"{_ISOLATION}::test_cannot_get_it_by_any_name",
                f"{_ISOLATION}::test_cannot_purge_it_by_its_names",
            ],
            "no path is built from a name": [
                "contracts/test_blob_store.py::test_what_is_no_blob_id_names_no_blob",
                "api/test_cache_routes.py::TestPublicFiles::test_the_id_alone_is_enough_but_must_be_whole",
            ],
        },
    ),
    25: (
        "purge filters",
        {
            "{}, empty keys, a typo, nulls, 10,001 keys": [
                f"{_BAD}::test_a_purge_that_is_not_understood_purges_nothing",
                "cache/test_purge_request.py::test_what_is_not_understood_is_refused_by_name",
                "cache/test_purge_request.py::test_without_a_filter_nothing_is_purged",
            ],
            "duplicate and unknown keys": [
                f"{_PURGE}::TestKeys::test_those_named_go_and_those_that_went_are_told",
                f"{_PURGE}::TestKeys::test_unknown_ones_are_no_error",
            ],
            "all filters together are an intersection": [
                f"{_PURGE}::TestKeys::test_all_four_filters_at_once_are_an_intersection"
            ],
            "a dry run equals the real count and changes nothing": [
                f"{_PURGE}::TestDryRun::test_it_counts_what_would_go_and_changes_nothing",
                "cache/test_machine.py::test_the_cache_is_what_a_plain_model_says_after_every_step",
            ],
            "a form, gzip": [
                f"{_API}::TestOddPurges::test_whose_body_is_no_plain_json_purge_nothing",
                f"{_BAD}::test_a_body_that_is_no_json_object",
            ],
            "retried with the same idempotency key": [
                f"{_LOG}::TestOnce::test_sent_again_it_is_told_and_not_done",
                f"{_PURGE}::TestSentAgain::test_with_an_idempotency_key_it_is_answered_and_not_done_again",
            ],
            "100 purges": [
                (
                    f"{_API}::TestOddPurges::"
                    "test_a_hundred_among_captures_are_all_answered_and_count_what_is_gone_and_no_more"
                ),
                f"{_LOG}::test_purges_that_keep_coming_do_not_keep_the_sweep_from_its_end",
            ],
            "a purge that is sent again": [
                f"{_API}::TestOddPurges::test_one_that_is_sent_again_finds_nothing_left"
            ],
        },
    ),
    26: (
        "HTTP",
        {
            "HEAD equals GET": [
                "api/test_cache_routes.py::TestGet::test_head_is_get_without_the_body",
                f"{_PLAN}::TestTheWholePicture::test_head_has_the_headers_of_get_and_no_bytes",
            ],
            "If-None-Match: list, weak, *": [
                f"{_PLAN}::TestIfNoneMatch::test_the_client_has_it_already",
                f"{_PLAN}::TestIfNoneMatch::test_several_lines_are_one_list",
            ],
            "If-Range with a weak tag": [f"{_PLAN}::TestIfRange::test_else_all_of_it_is_sent"],
            "ranges 0-0, -1, 5-, 99999999-, 5-2, fifty": [
                f"{_PLAN}::TestRange::test_a_part_is_sent_as_206",
                f"{_PLAN}::TestRange::test_a_part_that_is_not_there_is_416",
                f"{_PLAN}::TestRange::test_what_is_no_single_range_of_bytes_is_ignored",
                "api/test_hit_gate.py::test_every_condition_on_a_hit_of_either_door",
            ],
            "a disconnect in mid-body leaves no descriptor": [
                f"{_API}::TestHttp::test_clients_that_hang_up_in_the_middle_leave_no_descriptor_behind",
                f"{_BLOBS}::test_reading_leaves_no_descriptor_open_whatever_happens",
            ],
            "304 and 206 after a refresh with identical bytes": [
                f"{_API}::TestHttp::test_a_refresh_with_identical_bytes_keeps_the_tag_and_what_the_client_has"
            ],
        },
    ),
    27: (
        "eviction",
        {
            "a scan keeps the hot set": [
                f"{_ROOM}::TestScans::test_a_scan_of_pages_asked_for_once_leaves_what_is_wanted",
                f"{_ROOM}::TestScans::test_a_scan_with_no_hit_in_between_leaves_it_too",
                f"{_ROOM}::TestScans::test_it_hits_more_often_than_fifo_and_lru",
            ],
            "a scan of a million (nightly)": [
                f"{_MILLION}::test_a_scan_of_a_million_pages_asked_for_once_leaves_all_that_is_wanted"
            ],
            "one entry of 5 MB in a budget of 10 MB": [
                f"{_ROOM}::TestStores::test_a_large_one_in_a_small_budget_pushes_nothing_out"
            ],
            "a budget lowered at run time; an entry being streamed while evicted": [
                (
                    f"{_API}::TestEviction::"
                    "test_a_budget_lowered_at_run_time_evicts_what_is_being_streamed_and_the_stream_is_whole"
                ),
                f"{_ROOM}::TestALowerBudget::test_all_above_it_goes_and_what_is_wanted_stays",
                (
                    f"{_ROOM}::TestEvictionBesideOthers::"
                    "test_an_entry_that_was_looked_up_can_still_be_read_when_it_is_evicted"
                ),
            ],
        },
    ),
}

UNPROVEN: dict[int, str] = {
    7: "no stall over 100 ms: a purge of a million holds the writer for longer; measured, not asserted",
    23: "PostgreSQL, which has no adapter yet; 10 M rows are a benchmark's",
}
"""What of a group no test shows, and why."""
