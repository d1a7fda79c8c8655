/* SPDX-License-Identifier: MIT */
/*
 * Codec. Method: everything goes in and out again, at cuts of one byte and of many; then each
 * prefix, each flipped byte and each refused request of the same streams.
 */
#include <plimsoll/codec.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fault_allocator.h"
#include "streams.h"

static const plim_codec PACKING[] = {PLIM_CODEC_GZIP, PLIM_CODEC_ZSTD};

/* Text with runs and noise, from a fixed seed. */
static void make_text(test_sink *out, size_t len)
{
    uint32_t seed = 12345;
    plim_sink sink = test_sink_view(out);
    while (out->len < len) {
        char line[64];
        for (size_t i = 0; i < sizeof line; i++) {
            seed = seed * 1664525u + 1013904223u;
            line[i] = seed >> 28 == 0 ? '\n' : "0123456789,abcdef"[(seed >> 20) % 17];
        }
        assert_int_equal(sink.write(sink.ctx, line, sizeof line, NULL), PLIM_OK);
    }
}

static plim_status pack(const char *data, size_t len, size_t step, plim_codec codec,
                        const plim_allocator *allocator, test_sink *out, plim_error *err)
{
    plim_encoder *encoder = NULL;
    plim_status status = plim_encoder_create(test_sink_view(out), codec, allocator, &encoder, err);
    for (size_t at = 0; status == PLIM_OK && at < len; at += step) {
        plim_sink sink = plim_encoder_view(encoder);
        status = sink.write(sink.ctx, data + at, len - at < step ? len - at : step, err);
    }
    if (status == PLIM_OK)
        status = plim_encoder_finish(encoder, err);
    plim_encoder_destroy(&encoder);
    return status;
}

static plim_status unpack(test_source *source, size_t cap, const plim_allocator *allocator,
                          test_sink *out, plim_error *err)
{
    plim_decoder *decoder = NULL;
    plim_status status = plim_decoder_create(test_source_view(source), allocator, &decoder, err);
    if (status == PLIM_OK)
        status = test_copy(plim_decoder_view(decoder), out, cap, err);
    plim_decoder_destroy(&decoder);
    return status;
}

static void assert_same(const test_sink *a, const test_sink *b)
{
    assert_int_equal(a->len, b->len);
    assert_memory_equal(a->data, b->data, a->len);
}

static void what_goes_in_comes_out_whatever_the_cuts(void **state)
{
    (void)state;
    static const size_t STEPS[] = {1, 7, 4096, 1 << 20};
    test_sink text = {0};
    make_text(&text, 300000);
    for (size_t c = 0; c < 2; c++) {
        for (size_t s = 0; s < 4; s++) {
            test_sink packed = {0}, back = {0};
            assert_int_equal(pack(text.data, text.len, STEPS[s], PACKING[c], NULL, &packed, NULL),
                             PLIM_OK);
            assert_true(packed.len < text.len);
            test_source source = {.data = packed.data, .len = packed.len, .chunk = STEPS[s]};
            assert_int_equal(unpack(&source, STEPS[3 - s], NULL, &back, NULL), PLIM_OK);
            assert_same(&back, &text);
            test_sink_fini(&packed);
            test_sink_fini(&back);
        }
    }
    test_sink_fini(&text);
}

static void plain_bytes_pass_through_and_keep_their_size(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"", "{", "\x1f", "(\xb5/", "{\"snapshot\":{}}"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        test_source source = {.data = TEXTS[i], .len = strlen(TEXTS[i]), .chunk = 1};
        plim_decoder *decoder = NULL;
        assert_int_equal(plim_decoder_create(test_source_view(&source), NULL, &decoder, NULL),
                         PLIM_OK);
        assert_int_equal(plim_decoder_view(decoder).total_bytes, strlen(TEXTS[i]));
        test_sink back = {0};
        assert_int_equal(test_copy(plim_decoder_view(decoder), &back, 2, NULL), PLIM_OK);
        assert_int_equal(back.len, strlen(TEXTS[i]));
        if (back.len > 0)
            assert_memory_equal(back.data, TEXTS[i], back.len);
        plim_decoder_destroy(&decoder);
        test_sink_fini(&back);
    }
    test_sink out = {0};
    assert_int_equal(pack("abc", 3, 1, PLIM_CODEC_PLAIN, NULL, &out, NULL), PLIM_OK);
    assert_int_equal(out.len, 3);
    test_sink_fini(&out);
}

static void nothing_packs_and_unpacks_to_nothing(void **state)
{
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        test_sink packed = {0}, back = {0};
        assert_int_equal(pack("", 0, 1, PACKING[c], NULL, &packed, NULL), PLIM_OK);
        assert_true(packed.len > 0);
        test_source source = {.data = packed.data, .len = packed.len};
        assert_int_equal(unpack(&source, 0, NULL, &back, NULL), PLIM_OK);
        assert_int_equal(back.len, 0);
        test_sink_fini(&packed);
        test_sink_fini(&back);
    }
}

static void streams_behind_each_other_are_one_text(void **state)
{
    (void)state;
    test_sink text = {0}, twice = {0};
    make_text(&text, 70000);
    plim_sink both = test_sink_view(&twice);
    assert_int_equal(both.write(both.ctx, text.data, text.len, NULL), PLIM_OK);
    assert_int_equal(both.write(both.ctx, text.data, text.len, NULL), PLIM_OK);
    for (size_t c = 0; c < 2; c++) {
        for (size_t chunk = 0; chunk < 3; chunk++) {
            test_sink packed = {0}, back = {0};
            assert_int_equal(pack(text.data, text.len, 999, PACKING[c], NULL, &packed, NULL),
                             PLIM_OK);
            assert_int_equal(pack(text.data, text.len, 999, PACKING[c], NULL, &packed, NULL),
                             PLIM_OK);
            test_source source = {.data = packed.data, .len = packed.len, .chunk = chunk};
            assert_int_equal(unpack(&source, 1000, NULL, &back, NULL), PLIM_OK);
            assert_same(&back, &twice);
            test_sink_fini(&packed);
            test_sink_fini(&back);
        }
    }
    test_sink_fini(&text);
    test_sink_fini(&twice);
}

/* A few bytes that unpack to much more than a read asks for: the library holds the rest. */
static void what_does_not_fit_a_read_comes_with_the_next(void **state)
{
    (void)state;
    enum { BYTES = 3 << 20 };
    static char zeros[BYTES];
    for (size_t c = 0; c < 2; c++) {
        test_sink packed = {0}, back = {0};
        assert_int_equal(pack(zeros, BYTES, BYTES, PACKING[c], NULL, &packed, NULL), PLIM_OK);
        assert_true(packed.len < 100000);
        test_source source = {.data = packed.data, .len = packed.len};
        assert_int_equal(unpack(&source, 1000, NULL, &back, NULL), PLIM_OK);
        assert_int_equal(back.len, BYTES);
        assert_memory_equal(back.data, zeros, BYTES);
        test_sink_fini(&packed);
        test_sink_fini(&back);
    }
}

static void a_stream_cut_anywhere_is_truncated_never_short(void **state)
{
    (void)state;
    test_sink text = {0};
    make_text(&text, 2000);
    for (size_t c = 0; c < 2; c++) {
        test_sink packed = {0};
        assert_int_equal(pack(text.data, text.len, 2000, PACKING[c], NULL, &packed, NULL), PLIM_OK);
        /* From the magic on: shorter ones are plain bytes. */
        for (size_t len = 4; len < packed.len; len++) {
            test_sink back = {0};
            plim_error err = {0};
            test_source source = {.data = packed.data, .len = len};
            assert_int_equal(unpack(&source, 0, NULL, &back, &err), PLIM_ERR_TRUNCATED);
            assert_string_not_equal(err.what, "");
            assert_string_not_equal(err.where, "");
            assert_string_not_equal(err.hint, "");
            test_sink_fini(&back);
        }
        test_sink_fini(&packed);
    }
    test_sink_fini(&text);
}

static void a_flipped_byte_is_never_taken_for_the_text(void **state)
{
    (void)state;
    test_sink text = {0};
    make_text(&text, 2000);
    for (size_t c = 0; c < 2; c++) {
        test_sink packed = {0};
        assert_int_equal(pack(text.data, text.len, 2000, PACKING[c], NULL, &packed, NULL), PLIM_OK);
        size_t refused = 0;
        for (size_t at = 4; at < packed.len; at++) {
            test_sink back = {0};
            packed.data[at] = (char)(packed.data[at] ^ 0x55);
            test_source source = {.data = packed.data, .len = packed.len};
            plim_status status = unpack(&source, 0, NULL, &back, NULL);
            packed.data[at] = (char)(packed.data[at] ^ 0x55);
            /* gzip's head has a time and a system in it that change nothing. */
            if (status == PLIM_OK)
                assert_same(&back, &text);
            else
                refused++;
            test_sink_fini(&back);
        }
        assert_true(refused > packed.len - 16);
        test_sink_fini(&packed);
    }
    test_sink_fini(&text);
}

static void bytes_behind_the_end_are_damage(void **state)
{
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        test_sink packed = {0}, back = {0};
        assert_int_equal(pack("abc", 3, 3, PACKING[c], NULL, &packed, NULL), PLIM_OK);
        plim_sink more = test_sink_view(&packed);
        assert_int_equal(more.write(more.ctx, "{garbage}", 9, NULL), PLIM_OK);
        test_source source = {.data = packed.data, .len = packed.len};
        assert_int_equal(unpack(&source, 0, NULL, &back, NULL), PLIM_ERR_DAMAGED);
        test_sink_fini(&packed);
        test_sink_fini(&back);
    }
}

static void failures_of_the_inner_stream_come_through(void **state)
{
    (void)state;
    test_sink text = {0};
    make_text(&text, 400000);
    for (size_t c = 0; c < 2; c++) {
        test_sink packed = {0}, back = {0}, small = {.limit = 1000};
        assert_int_equal(pack(text.data, text.len, 4096, PACKING[c], NULL, &packed, NULL), PLIM_OK);
        test_source source = {.data = packed.data,
                              .len = packed.len,
                              .chunk = 1000,
                              .fail_status = PLIM_ERR_IO,
                              .fail_at = packed.len / 2};
        assert_int_equal(unpack(&source, 0, NULL, &back, NULL), PLIM_ERR_IO);
        test_source at_once = {
            .data = packed.data, .len = packed.len, .fail_status = PLIM_ERR_GONE};
        assert_int_equal(unpack(&at_once, 0, NULL, &back, NULL), PLIM_ERR_GONE);
        assert_int_equal(pack(text.data, text.len, 4096, PACKING[c], NULL, &small, NULL),
                         PLIM_ERR_NO_SPACE);
        test_sink_fini(&packed);
        test_sink_fini(&back);
        test_sink_fini(&small);
    }
    test_sink_fini(&text);
}

static void names_choose_the_codec(void **state)
{
    (void)state;
    assert_int_equal(plim_codec_of_name("a.heapsnapshot"), PLIM_CODEC_PLAIN);
    assert_int_equal(plim_codec_of_name("a.heapsnapshot.gz"), PLIM_CODEC_GZIP);
    assert_int_equal(plim_codec_of_name("a.zst"), PLIM_CODEC_ZSTD);
    assert_int_equal(plim_codec_of_name(".gz"), PLIM_CODEC_PLAIN);
    assert_int_equal(plim_codec_of_name("a.gz/b"), PLIM_CODEC_PLAIN);
    assert_int_equal(plim_codec_of_name(""), PLIM_CODEC_PLAIN);
}

static void every_refused_request_is_reported_and_leaks_nothing(void **state)
{
    (void)state;
    test_sink text = {0};
    make_text(&text, 200000);
    for (size_t c = 0; c < 2; c++) {
        test_sink packed = {0};
        assert_int_equal(pack(text.data, text.len, 9999, PACKING[c], NULL, &packed, NULL), PLIM_OK);
        for (int way = 0; way < 2; way++) {
            plim_status status = PLIM_ERR_NO_MEMORY;
            for (uint64_t n = 1; status != PLIM_OK; n++) {
                fault_allocator fault;
                fault_allocator_init(&fault, n);
                test_sink out = {0};
                plim_error err = {0};
                test_source source = {.data = packed.data, .len = packed.len};
                status = way == 0 ? pack(text.data, text.len, 9999, PACKING[c], &fault.allocator,
                                         &out, &err)
                                  : unpack(&source, 0, &fault.allocator, &out, &err);
                assert_int_equal(atomic_load(&fault.live_bytes), 0);
                if (atomic_load(&fault.refused) == 0) {
                    assert_int_equal(status, PLIM_OK);
                    assert_true(n > 3); /* the sweep did reach the library's own requests */
                } else {
                    assert_int_equal(status, PLIM_ERR_NO_MEMORY);
                }
                test_sink_fini(&out);
            }
        }
        test_sink_fini(&packed);
    }
    test_sink_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out_whatever_the_cuts),
        cmocka_unit_test(plain_bytes_pass_through_and_keep_their_size),
        cmocka_unit_test(nothing_packs_and_unpacks_to_nothing),
        cmocka_unit_test(streams_behind_each_other_are_one_text),
        cmocka_unit_test(what_does_not_fit_a_read_comes_with_the_next),
        cmocka_unit_test(a_stream_cut_anywhere_is_truncated_never_short),
        cmocka_unit_test(a_flipped_byte_is_never_taken_for_the_text),
        cmocka_unit_test(bytes_behind_the_end_are_damage),
        cmocka_unit_test(failures_of_the_inner_stream_come_through),
        cmocka_unit_test(names_choose_the_codec),
        cmocka_unit_test(every_refused_request_is_reported_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
