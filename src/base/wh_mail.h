
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * A mail of one text (RFC 5322, MIME), as it is sent after DATA.
 */


#ifndef _WH_MAIL_H_INCLUDED_
#define _WH_MAIL_H_INCLUDED_


#include "wh.h"


typedef struct {
    uint64_t   time;             /* ms since the epoch */
    wh_str_t   id;               /* see wh_id_ok() */
    wh_str_t   host;             /* of the Message-ID, see below */
    wh_str_t   from;             /* addresses, see below */
    wh_str_t   to;
    wh_str_t   event;            /* a token, for those who sort mail */
    wh_str_t   subject;          /* UTF-8, one line */
    wh_str_t   text;             /* UTF-8, lines end with LF */
    unsigned   allow_8bit:1;     /* the server takes octets above 127 */
} wh_mail_t;


/*
 * 1 if that is an address that may stand between angle brackets: a local part
 * of atoms and dots, "@", and a name of a host, all in ASCII.
 */
int wh_mail_address_ok(const char *p, size_t n);

/* 1 if it is a name of a host, or an address in brackets */
int wh_mail_host_ok(const char *p, size_t n);

/* 1 if the text has octets above 127; the subject is encoded in any case */
int wh_mail_utf8(const wh_mail_t *m);

/*
 * Appends the mail, its lines ended by CR LF and none longer than 998 octets,
 * a dot at the start of one doubled, and the line of a single dot.  Whatever
 * subject and text are, nothing of them can be taken for a header or an end.
 * WH_OK, WH_NOMEM or WH_LIMIT, the error of the buffer.
 */
int wh_mail_put(const wh_mail_t *m, wh_buf_t *out);


#endif /* _WH_MAIL_H_INCLUDED_ */
