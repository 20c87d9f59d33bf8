
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What operators are told of: the same as JSON for an operational event, and
 * as a text for a mail.
 */


#ifndef _WH_NOTICE_H_INCLUDED_
#define _WH_NOTICE_H_INCLUDED_


#include "wh_policy.h"


#define WH_NOTICE_NAMES     100  /* endpoints that are named */
#define WH_NOTICE_FAILURES  8    /* the last ones, at most */


typedef enum {
    WH_NOTICE_DISABLED = 0,
    WH_NOTICE_ENABLED,
    WH_NOTICE_PROBE,             /* one has failed */
    WH_NOTICE_DEAD,              /* deliveries, summed up */
    WH_NOTICE_FULL               /* the store was, events were lost */
} wh_notice_e;


typedef struct {
    uint64_t    time;            /* ms since the epoch */
    wh_str_t    endpoint;
    wh_str_t    class;           /* "status", "timeout" and so on */
    uint32_t    status;          /* 0: there was no answer */
    wh_str_t    event;           /* its id; may be empty */
} wh_notice_failure_t;


typedef struct {
    wh_str_t    name;
    uint64_t    count;           /* of WH_NOTICE_DEAD */
} wh_notice_name_t;


typedef struct {
    wh_notice_e          kind;
    wh_str_t             host;       /* that nginx runs on */
    wh_str_t             endpoint;   /* not of WH_NOTICE_DEAD, ..._FULL */
    wh_str_t             zone;       /* that all are of; may be empty */
    wh_state_e           reason;     /* it is, or was, disabled by */
    wh_by_e              by;         /* what has enabled it */
    uint64_t             count;      /* failures; deliveries; events */
    uint64_t             window;     /* ms in which they were; 0: none */
    uint64_t             since;      /* ms since the epoch */
    uint64_t             until;      /* of a ban, likewise; 0: no end */
    uint64_t             probe;      /* the next one, likewise; 0: none */
    uint64_t             now;
    int                  rejects;    /* full=reject, else drop */
    uint32_t             nnames;     /* those in "names" */
    uint32_t             total;      /* and all there are */
    wh_notice_name_t    *names;
    uint32_t             nfailures;
    wh_notice_failure_t  failures[WH_NOTICE_FAILURES];  /* newest first */
} wh_notice_t;


/* "webhook.endpoint.disabled" and so on */
const char *wh_notice_event(wh_notice_e kind);

/* "window", "operator" and so on; "time", "probe" or "operator" */
const char *wh_notice_reason(wh_state_e reason);
const char *wh_notice_by(wh_by_e by);

/*
 * One more failure, if it is among the last ones; what it points at stays the
 * caller's.
 */
void wh_notice_failed(wh_notice_t *n, const wh_notice_failure_t *f);

/*
 * What an event's "data" is; a mail's subject, in one line; its text.  Errors
 * are those of the buffer.
 */
int wh_notice_data(const wh_notice_t *n, wh_buf_t *out);
int wh_notice_subject(const wh_notice_t *n, wh_buf_t *out);
int wh_notice_text(const wh_notice_t *n, wh_buf_t *out);


#endif /* _WH_NOTICE_H_INCLUDED_ */
