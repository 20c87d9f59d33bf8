
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#ifndef _WH_ID_H_INCLUDED_
#define _WH_ID_H_INCLUDED_


#include "wh.h"


/*
 * A UUID of version 7 (RFC 9562, section 5.7), lower case, no NUL.  unix_ms
 * is milliseconds since the epoch, its low 48 bits are used; rnd is ten
 * random octets, of which 74 bits are used.
 */
void wh_uuid7(char out[36], uint64_t unix_ms, const unsigned char rnd[10]);

/*
 * "2026-01-02T03:04:05.678Z" (RFC 3339), no NUL; unix_ms is milliseconds
 * since the epoch.  A time after the year 9999 gives its last millisecond.
 */
void wh_time_iso(char out[24], uint64_t unix_ms);

/* 1 if the octets are an identifier: 1 to 128 of A-Z a-z 0-9 "_" "-" */
int wh_id_ok(const char *p, size_t n);

/*
 * The "traceparent" header field (W3C Trace Context, section 3.2).  Copies
 * the trace id and the flags as they are.  WH_ERROR if it is to be ignored:
 * malformed, upper-case, ids of all zeros, version ff, or a version 00 that
 * is not 55 octets long.  Of later versions the first 55 octets are read,
 * "-" must follow them if anything does.
 */
int wh_traceparent_parse(wh_str_t in, char trace_id[32], char flags[2]);

/*
 * A "traceparent" of version 00, no NUL.  flags are two lower-case hex
 * digits, as given by wh_traceparent_parse(), or "01"; only the bits that
 * are defined, sampled (1) and random (2), are kept, as others must be sent
 * as zeros.  A span of all zeros is invalid, it is up to the caller.
 */
void wh_traceparent_format(char out[55], const char trace_id[32],
    const unsigned char span[8], const char flags[2]);


#endif /* _WH_ID_H_INCLUDED_ */
