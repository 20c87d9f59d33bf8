
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_notice.h"


#define str(s)  { sizeof(s) - 1, s }

#define NOW  1767323045678ULL    /* 2026-01-02T03:04:05.678Z */


static wh_buf_t  out;


static void reset(void);


static void
reset(void)
{
    free(out.data);

    memset(&out, 0, sizeof(wh_buf_t));
    out.max = 65536;
    out.grow = wh_buf_malloc;
}


int
main(void)
{
    uint32_t             i;
    wh_notice_t          n;
    wh_notice_name_t     names[3] = {
        { str("a"), 5 }, { str("b"), 6 }, { str("c\"\n"), 7 }
    };
    wh_notice_failure_t  f = {
        NOW - 1, str("a"), str("status"), 500, str("id-1")
    };

    static const wh_str_t  host = str("web");
    static const wh_str_t  a = str("a");
    static const wh_str_t  zone = str("K\xc3\xb6ln\r\nBcc: x");

    memset(&n, 0, sizeof(n));

    n.kind = WH_NOTICE_DISABLED;
    n.host = host;
    n.endpoint = a;
    n.reason = WH_STATE_WINDOW;
    n.count = 31;
    n.window = 1800000;
    n.since = NOW;
    n.now = NOW;
    n.names = names;
    n.nnames = 1;
    n.total = 1;

    wh_notice_failed(&n, &f);
    f.time = NOW;
    f.status = 0;
    f.event.len = 0;
    wh_notice_failed(&n, &f);

    reset();
    is_int(wh_notice_data(&n, &out), WH_OK, "data");
    is_str(out.data, out.len,
           "{\"host\":\"web\",\"endpoint\":\"a\",\"reason\":\"window\","
           "\"failures\":31,\"window\":1800,"
           "\"since\":\"2026-01-02T03:04:05.678Z\",\"until\":null,"
           "\"probe\":null,\"endpoints\":[\"a\"],\"endpoints_total\":1,"
           "\"last_failures\":[{\"time\":\"2026-01-02T03:04:05.678Z\","
           "\"endpoint\":\"a\",\"class\":\"status\",\"status\":null,"
           "\"event\":null},{\"time\":\"2026-01-02T03:04:05.677Z\","
           "\"endpoint\":\"a\",\"class\":\"status\",\"status\":500,"
           "\"event\":\"id-1\"}],\"next\":\"Repair the target; then an "
           "operator must enable it.\"}", "of an endpoint");

    reset();
    (void) wh_notice_subject(&n, &out);
    is_str(out.data, out.len, "[webhook] web: endpoint \"a\" is disabled",
           "its subject");

    reset();
    (void) wh_notice_text(&n, &out);
    is_str(out.data, out.len,
           "The webhook endpoint \"a\" is disabled: 31 failures in 30m.\n\n"
           "    Since: 2026-01-02T03:04:05.678Z\n\n"
           "The last failures:\n"
           "    2026-01-02T03:04:05.678Z  a  status\n"
           "    2026-01-02T03:04:05.677Z  a  status 500  id-1\n\n"
           "What to do next:\n    Repair the target; then an operator must "
           "enable it.\n", "its text");

    n.zone = zone;
    n.nnames = 3;
    n.total = 5;
    n.window = 90061250;
    n.until = NOW + 1000;

    reset();
    (void) wh_notice_subject(&n, &out);
    is_str(out.data, out.len, "[webhook] web: zone \"K\xc3\xb6ln??Bcc: x\": "
           "5 endpoints are disabled", "a zone's subject is one line");

    reset();
    (void) wh_notice_text(&n, &out);
    ok(strstr(out.data, "    c\"?\n    and 2 more\n") != NULL
       && strstr(out.data, "failures in 1d 1h.\n") != NULL
       && strstr(out.data, "Until: 2026-01-02T03:04:06.678Z\n") != NULL,
       "its text");

    reset();
    (void) wh_notice_data(&n, &out);
    ok(strstr(out.data, "\"endpoints\":[\"a\",\"b\",\"c\\\"\\n\"],"
                        "\"endpoints_total\":5") != NULL
       && strstr(out.data, "\"window\":90061.25,") != NULL,
       "its data");

    n.nfailures = 0;

    for (i = 0; i < 2 * WH_NOTICE_FAILURES; i++) {
        f.time = NOW + (i * 7) % (2 * WH_NOTICE_FAILURES);
        wh_notice_failed(&n, &f);
    }

    ok(n.nfailures == WH_NOTICE_FAILURES
       && n.failures[0].time == NOW + 2 * WH_NOTICE_FAILURES - 1
       && n.failures[WH_NOTICE_FAILURES - 1].time
          == NOW + WH_NOTICE_FAILURES, "the last failures, newest first");

    for (n.kind = WH_NOTICE_DISABLED; n.kind <= WH_NOTICE_FULL; n.kind++) {

        for (n.reason = WH_STATE_ENABLED; n.reason < WH_STATE_NREASON;
             n.reason++)
        {
            reset();

            ok(wh_notice_data(&n, &out) == WH_OK && out.data[0] == '{'
               && out.data[out.len - 1] == '}', "data of %s, %s",
               wh_notice_event(n.kind), wh_notice_reason(n.reason));

            reset();

            ok(wh_notice_text(&n, &out) == WH_OK
               && out.data[out.len - 1] == '\n', "text");
        }
    }

    n.kind = WH_NOTICE_DEAD;
    n.count = 18;

    reset();
    (void) wh_notice_data(&n, &out);
    ok(strstr(out.data, "\"deliveries\":18,\"endpoints\":[{\"endpoint\":\"a\","
                        "\"deliveries\":5},") != NULL, "a sum");

    reset();
    (void) wh_notice_text(&n, &out);
    ok(strstr(out.data, "18 deliveries have become dead letters since the "
                        "last notice.\n") == out.data, "its text");

    n.count = 1;

    reset();
    (void) wh_notice_text(&n, &out);
    ok(strstr(out.data, "1 delivery has become a dead letter since the "
                        "last notice.\n") == out.data, "the text of one");

    n.kind = WH_NOTICE_FULL;

    reset();
    (void) wh_notice_text(&n, &out);
    ok(strstr(out.data, "The store is full, 1 event was dropped since the "
                        "last notice.\n") == out.data, "of one event");

    free(out.data);

    return done_testing();
}
