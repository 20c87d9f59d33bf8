
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_notice.h"
#include "wh_escape.h"
#include "wh_id.h"


static void wh_notice_head(const wh_notice_t *n, wh_buf_t *out);
static void wh_notice_names(const wh_notice_t *n, wh_buf_t *out);
static void wh_notice_last(const wh_notice_t *n, wh_buf_t *out);
static void wh_notice_next(const wh_notice_t *n, wh_buf_t *out);
static void wh_notice_why(const wh_notice_t *n, wh_buf_t *out);
static void wh_notice_key(wh_buf_t *out, const char *key);
static void wh_notice_string(wh_buf_t *out, const char *key, const char *p,
    size_t n);
static void wh_notice_number(wh_buf_t *out, const char *key, uint64_t v);
static void wh_notice_seconds(wh_buf_t *out, uint64_t ms);
static void wh_notice_span(wh_buf_t *out, uint64_t ms);
static void wh_notice_time(wh_buf_t *out, const char *key, uint64_t ms);
static void wh_notice_iso(wh_buf_t *out, uint64_t ms);
static void wh_notice_plain(wh_buf_t *out, wh_str_t s);
static void wh_notice_count(wh_buf_t *out, uint64_t n, const char *one,
    const char *many);
static void wh_notice_puts(wh_buf_t *out, const char *s);


static const char *const  wh_notice_events[] = {
    "webhook.endpoint.disabled",
    "webhook.endpoint.enabled",
    "webhook.endpoint.probe_failed",
    "webhook.deliveries.dead",
    "webhook.store.full"
};


static const char *const  wh_notice_reasons[] = {
    "enabled",
    "window",
    "zone",
    "consecutive",
    "after",
    "gone",
    "operator",
    "quota",
    "pause"
};


static const char *const  wh_notice_bys[] = {
    "none",
    "time",
    "probe",
    "operator"
};


const char *
wh_notice_event(wh_notice_e kind)
{
    return wh_notice_events[kind];
}


const char *
wh_notice_reason(wh_state_e reason)
{
    return wh_notice_reasons[reason];
}


const char *
wh_notice_by(wh_by_e by)
{
    return wh_notice_bys[by];
}


void
wh_notice_failed(wh_notice_t *n, const wh_notice_failure_t *f)
{
    uint32_t  i, last;

    last = n->nfailures;

    if (last == WH_NOTICE_FAILURES) {
        last--;

        if (n->failures[last].time >= f->time) {
            return;
        }

    } else {
        n->nfailures++;
    }

    for (i = last; i > 0 && n->failures[i - 1].time < f->time; i--) {
        n->failures[i] = n->failures[i - 1];
    }

    n->failures[i] = *f;
}


int
wh_notice_data(const wh_notice_t *n, wh_buf_t *out)
{
    (void) wh_buf_putc(out, '{');

    wh_notice_string(out, "host", n->host.data, n->host.len);

    wh_notice_head(n, out);
    wh_notice_names(n, out);

    if (n->kind == WH_NOTICE_DISABLED || n->kind == WH_NOTICE_PROBE) {
        wh_notice_last(n, out);
    }

    wh_notice_key(out, "next");
    (void) wh_buf_putc(out, '"');
    wh_notice_next(n, out);

    return wh_buf_put_literal(out, "\"}");
}


static void
wh_notice_head(const wh_notice_t *n, wh_buf_t *out)
{
    const char  *s;

    if (n->endpoint.len) {
        wh_notice_string(out, "endpoint", n->endpoint.data, n->endpoint.len);
    }

    if (n->zone.len) {
        wh_notice_string(out, "zone", n->zone.data, n->zone.len);
    }

    switch (n->kind) {

    case WH_NOTICE_DISABLED:
    case WH_NOTICE_PROBE:
        s = wh_notice_reasons[n->reason];
        wh_notice_string(out, "reason", s, strlen(s));
        wh_notice_number(out, "failures", n->count);

        wh_notice_key(out, "window");

        if (n->window) {
            wh_notice_seconds(out, n->window);

        } else {
            (void) wh_buf_put_literal(out, "null");
        }

        wh_notice_time(out, "since", n->since);
        wh_notice_time(out, "until", n->until);
        wh_notice_time(out, "probe", n->probe);
        break;

    case WH_NOTICE_ENABLED:
        s = wh_notice_bys[n->by];
        wh_notice_string(out, "by", s, strlen(s));

        s = wh_notice_reasons[n->reason];
        wh_notice_string(out, "reason", s, strlen(s));
        wh_notice_time(out, "since", n->since);
        wh_notice_time(out, "until", n->now);
        break;

    case WH_NOTICE_DEAD:
        wh_notice_number(out, "deliveries", n->count);
        break;

    default: /* WH_NOTICE_FULL */
        wh_notice_number(out, "events", n->count);
        s = n->rejects ? "reject" : "drop";
        wh_notice_string(out, "full", s, strlen(s));
    }
}


static void
wh_notice_names(const wh_notice_t *n, wh_buf_t *out)
{
    uint32_t                 i;
    const wh_notice_name_t  *name;

    if (n->nnames == 0) {
        return;
    }

    wh_notice_key(out, "endpoints");
    (void) wh_buf_putc(out, '[');

    for (i = 0; i < n->nnames; i++) {
        name = &n->names[i];

        if (i) {
            (void) wh_buf_putc(out, ',');
        }

        if (n->kind != WH_NOTICE_DEAD) {
            (void) wh_put_json_quoted(out, name->name.data, name->name.len);
            continue;
        }

        (void) wh_buf_putc(out, '{');
        wh_notice_string(out, "endpoint", name->name.data, name->name.len);
        wh_notice_number(out, "deliveries", name->count);
        (void) wh_buf_putc(out, '}');
    }

    (void) wh_buf_putc(out, ']');

    wh_notice_number(out, "endpoints_total", n->total);
}


static void
wh_notice_last(const wh_notice_t *n, wh_buf_t *out)
{
    uint32_t                    i;
    const wh_notice_failure_t  *f;

    wh_notice_key(out, "last_failures");
    (void) wh_buf_putc(out, '[');

    for (i = 0; i < n->nfailures; i++) {
        f = &n->failures[i];

        if (i) {
            (void) wh_buf_putc(out, ',');
        }

        (void) wh_buf_putc(out, '{');

        wh_notice_time(out, "time", f->time);
        wh_notice_string(out, "endpoint", f->endpoint.data, f->endpoint.len);
        wh_notice_string(out, "class", f->class.data, f->class.len);

        wh_notice_key(out, "status");

        if (f->status) {
            (void) wh_buf_put_number(out, f->status);

        } else {
            (void) wh_buf_put_literal(out, "null");
        }

        wh_notice_key(out, "event");

        if (f->event.len) {
            (void) wh_put_json_quoted(out, f->event.data, f->event.len);

        } else {
            (void) wh_buf_put_literal(out, "null");
        }

        (void) wh_buf_putc(out, '}');
    }

    (void) wh_buf_putc(out, ']');
}


/* what to do, in ASCII without quotes: it stands in JSON and in mails */

static void
wh_notice_next(const wh_notice_t *n, wh_buf_t *out)
{
    switch (n->kind) {

    case WH_NOTICE_ENABLED:
        wh_notice_puts(out, "Nothing: what was kept is delivered now, in its "
                            "order.");
        return;

    case WH_NOTICE_DEAD:
        wh_notice_puts(out, "Look for the cause in the error log, and replay "
                            "the dead letters when it is gone.");
        return;

    case WH_NOTICE_FULL:
        wh_notice_puts(out, "Find out which endpoint has the backlog, and "
                            "repair or remove it, or give webhook_store more "
                            "room.");
        return;

    default:
        break;
    }

    switch (n->reason) {

    case WH_STATE_OPERATOR:
        wh_notice_puts(out, "Nothing, unless it was a mistake: it stays "
                            "disabled until an operator enables it.");
        return;

    case WH_STATE_GONE:
        wh_notice_puts(out, "The target says that it is gone for good (410): "
                            "remove the endpoint, or correct its url and "
                            "enable it.");
        return;

    default:
        break;
    }

    wh_notice_puts(out, "Repair the target; ");

    if (n->until) {
        wh_notice_puts(out, "the ban ends by itself at ");
        wh_notice_iso(out, n->until);

    } else if (n->probe) {
        wh_notice_puts(out, "it is enabled by itself when a probe succeeds, "
                            "the next one is due at ");
        wh_notice_iso(out, n->probe);

    } else {
        wh_notice_puts(out, "then an operator must enable it");
    }

    wh_notice_puts(out, n->total > 1
                        ? ", each of the endpoints for itself." : ".");
}


int
wh_notice_subject(const wh_notice_t *n, wh_buf_t *out)
{
    wh_notice_puts(out, "[webhook] ");
    wh_notice_plain(out, n->host);
    wh_notice_puts(out, ": ");

    switch (n->kind) {

    case WH_NOTICE_DISABLED:

        if (n->zone.len) {
            wh_notice_puts(out, "zone \"");
            wh_notice_plain(out, n->zone);
            wh_notice_puts(out, "\": ");
            wh_notice_count(out, n->total, "endpoint is disabled",
                            "endpoints are disabled");
            break;
        }

        wh_notice_puts(out, "endpoint \"");
        wh_notice_plain(out, n->endpoint);
        wh_notice_puts(out, "\" is disabled");
        break;

    case WH_NOTICE_ENABLED:
        wh_notice_puts(out, "endpoint \"");
        wh_notice_plain(out, n->endpoint);
        wh_notice_puts(out, "\" is enabled");
        break;

    case WH_NOTICE_PROBE:
        wh_notice_puts(out, "probe of endpoint \"");
        wh_notice_plain(out, n->endpoint);
        wh_notice_puts(out, "\" has failed");
        break;

    case WH_NOTICE_DEAD:
        wh_notice_count(out, n->count, "delivery is dead",
                        "deliveries are dead");
        break;

    default: /* WH_NOTICE_FULL */
        wh_notice_puts(out, "the store is full");
    }

    return out->err;
}


int
wh_notice_text(const wh_notice_t *n, wh_buf_t *out)
{
    uint32_t                    i;
    const wh_notice_failure_t  *f;

    wh_notice_why(n, out);

    if (n->nnames > 1 || (n->nnames && n->kind == WH_NOTICE_DEAD)) {
        wh_notice_puts(out, "\nEndpoints:\n");

        for (i = 0; i < n->nnames; i++) {
            wh_notice_puts(out, "    ");
            wh_notice_plain(out, n->names[i].name);

            if (n->kind == WH_NOTICE_DEAD) {
                wh_notice_puts(out, ": ");
                (void) wh_buf_put_number(out, n->names[i].count);
            }

            (void) wh_buf_putc(out, '\n');
        }

        if (n->total > n->nnames) {
            wh_notice_puts(out, "    and ");
            (void) wh_buf_put_number(out, n->total - n->nnames);
            wh_notice_puts(out, " more\n");
        }
    }

    if (n->nfailures) {
        wh_notice_puts(out, "\nThe last failures:\n");

        for (i = 0; i < n->nfailures; i++) {
            f = &n->failures[i];

            wh_notice_puts(out, "    ");
            wh_notice_iso(out, f->time);
            wh_notice_puts(out, "  ");
            wh_notice_plain(out, f->endpoint);
            wh_notice_puts(out, "  ");
            wh_notice_plain(out, f->class);

            if (f->status) {
                (void) wh_buf_putc(out, ' ');
                (void) wh_buf_put_number(out, f->status);
            }

            if (f->event.len) {
                wh_notice_puts(out, "  ");
                wh_notice_plain(out, f->event);
            }

            (void) wh_buf_putc(out, '\n');
        }
    }

    wh_notice_puts(out, "\nWhat to do next:\n    ");
    wh_notice_next(n, out);

    return wh_buf_putc(out, '\n');
}


static void
wh_notice_why(const wh_notice_t *n, wh_buf_t *out)
{
    if (n->kind == WH_NOTICE_DEAD) {
        wh_notice_count(out, n->count, "delivery has become a dead letter",
                        "deliveries have become dead letters");
        wh_notice_puts(out, " since the last notice.\n");
        return;
    }

    if (n->kind == WH_NOTICE_FULL) {
        wh_notice_puts(out, "The store is full, ");

        if (n->rejects) {
            wh_notice_count(out, n->count, "request or event",
                            "requests or events");
        } else {
            wh_notice_count(out, n->count, "event", "events");
        }

        wh_notice_puts(out, n->count == 1 ? " was " : " were ");
        wh_notice_puts(out, n->rejects ? "rejected" : "dropped");
        wh_notice_puts(out, " since the last notice.\n");
        return;
    }

    if (n->zone.len && n->total > 1) {
        wh_notice_puts(out, "The webhook endpoints of zone \"");
        wh_notice_plain(out, n->zone);
        wh_notice_puts(out, "\" are ");

    } else {
        wh_notice_puts(out, "The webhook endpoint \"");
        wh_notice_plain(out, n->endpoint);
        wh_notice_puts(out, "\" is ");
    }

    if (n->kind == WH_NOTICE_ENABLED) {
        wh_notice_puts(out, "enabled ");

        switch (n->by) {

        case WH_BY_TIME:
            wh_notice_puts(out, "as its ban is over");
            break;

        case WH_BY_PROBE:
            wh_notice_puts(out, "as a probe has succeeded");
            break;

        case WH_BY_OPERATOR:
            wh_notice_puts(out, "by an operator");
            break;

        default: /* WH_BY_NONE */
            wh_notice_puts(out, "again");
        }

        wh_notice_puts(out, ".\n");

        if (n->since && n->now > n->since) {
            wh_notice_puts(out, "It had been disabled since ");
            wh_notice_iso(out, n->since);
            wh_notice_puts(out, ", for ");
            wh_notice_span(out, n->now - n->since);
            wh_notice_puts(out, ".\n");
        }

        return;
    }

    wh_notice_puts(out, n->kind == WH_NOTICE_PROBE
                        ? "still disabled, a probe has failed.\n"
                        : "disabled: ");

    if (n->kind == WH_NOTICE_DISABLED) {

        switch (n->reason) {

        case WH_STATE_GONE:
            wh_notice_puts(out, "its target has answered 410");
            break;

        case WH_STATE_OPERATOR:
            wh_notice_puts(out, "by an operator");
            break;

        case WH_STATE_AFTER:
            wh_notice_puts(out, "no success for ");
            wh_notice_span(out, n->window);
            wh_notice_puts(out, ", ");
            wh_notice_count(out, n->count, "failure in a row",
                            "failures in a row");
            break;

        default:
            wh_notice_count(out, n->count, "failure", "failures");

            if (n->reason == WH_STATE_CONSECUTIVE) {
                wh_notice_puts(out, " in a row");

            } else if (n->window) {
                wh_notice_puts(out, " in ");
                wh_notice_span(out, n->window);
            }
        }

        wh_notice_puts(out, ".\n");
    }

    wh_notice_puts(out, "\n    Since: ");
    wh_notice_iso(out, n->since);

    if (n->until) {
        wh_notice_puts(out, "\n    Until: ");
        wh_notice_iso(out, n->until);
    }

    (void) wh_buf_putc(out, '\n');
}


static void
wh_notice_key(wh_buf_t *out, const char *key)
{
    if (out->len && out->data[out->len - 1] != '{') {
        (void) wh_buf_putc(out, ',');
    }

    (void) wh_buf_putc(out, '"');
    wh_notice_puts(out, key);
    (void) wh_buf_put_literal(out, "\":");
}


static void
wh_notice_string(wh_buf_t *out, const char *key, const char *p, size_t n)
{
    wh_notice_key(out, key);
    (void) wh_put_json_quoted(out, p, n);
}


static void
wh_notice_number(wh_buf_t *out, const char *key, uint64_t v)
{
    wh_notice_key(out, key);
    (void) wh_buf_put_number(out, v);
}


/* "1800", or "0.25" */

static void
wh_notice_seconds(wh_buf_t *out, uint64_t ms)
{
    char      digits[3];
    size_t    n;
    uint64_t  part;

    (void) wh_buf_put_number(out, ms / 1000);

    part = ms % 1000;

    if (part == 0) {
        return;
    }

    digits[0] = (char) ('0' + part / 100);
    digits[1] = (char) ('0' + part / 10 % 10);
    digits[2] = (char) ('0' + part % 10);

    for (n = 3; digits[n - 1] == '0'; n--) { /* void */ }

    (void) wh_buf_putc(out, '.');
    (void) wh_buf_put(out, digits, n);
}


/* "30m", "1d 2h", "0.25s": the two largest units */

static void
wh_notice_span(wh_buf_t *out, uint64_t ms)
{
    size_t    i;
    uint64_t  n;
    unsigned  units;

    static const char      names[] = "dhm";
    static const uint64_t  sizes[] = { 86400000, 3600000, 60000 };

    units = 0;

    for (i = 0; i < 3 && units < 2; i++) {
        n = ms / sizes[i];

        if (n == 0) {

            if (units) {
                return;
            }

            continue;
        }

        if (units++) {
            (void) wh_buf_putc(out, ' ');
        }

        (void) wh_buf_put_number(out, n);
        (void) wh_buf_putc(out, names[i]);

        ms -= n * sizes[i];
    }

    if (units == 2 || (units && ms < 1000)) {
        return;
    }

    if (units) {
        (void) wh_buf_putc(out, ' ');
        ms -= ms % 1000;
    }

    wh_notice_seconds(out, ms);
    (void) wh_buf_putc(out, 's');
}


static void
wh_notice_time(wh_buf_t *out, const char *key, uint64_t ms)
{
    wh_notice_key(out, key);

    if (ms == 0) {
        (void) wh_buf_put_literal(out, "null");
        return;
    }

    (void) wh_buf_putc(out, '"');
    wh_notice_iso(out, ms);
    (void) wh_buf_putc(out, '"');
}


static void
wh_notice_iso(wh_buf_t *out, uint64_t ms)
{
    char  time[24];

    wh_time_iso(time, ms);
    (void) wh_buf_put(out, time, sizeof(time));
}


/* a name, whatever is in it, is a part of its line */

static void
wh_notice_plain(wh_buf_t *out, wh_str_t s)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < s.len; i++) {
        c = (unsigned char) s.data[i];

        (void) wh_buf_putc(out, c == 0x7f || c < ' ' ? '?' : s.data[i]);
    }
}


static void
wh_notice_count(wh_buf_t *out, uint64_t n, const char *one, const char *many)
{
    (void) wh_buf_put_number(out, n);
    (void) wh_buf_putc(out, ' ');
    wh_notice_puts(out, n == 1 ? one : many);
}


static void
wh_notice_puts(wh_buf_t *out, const char *s)
{
    (void) wh_buf_put(out, s, strlen(s));
}
