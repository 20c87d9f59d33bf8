
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * One mail by SMTP (RFC 5321), the client's side: replies are read, and what
 * is to be said next follows out of them.  Neither sockets nor TLS.
 */


#ifndef _WH_SMTP_H_INCLUDED_
#define _WH_SMTP_H_INCLUDED_


#include "wh.h"


#define WH_SMTP_LINE   2048      /* octets of a line of a reply, at most */
#define WH_SMTP_REPLY  65536     /* and of all its lines */
#define WH_SMTP_TEXT   160       /* of a reply's text that are kept */


/* a reply that is being read; zeroed it is ready for the first one */

typedef struct {
    unsigned     code;           /* 200 to 599 */
    unsigned     whole:1;        /* the line is */
    unsigned     last:1;         /* and so is the reply */
    size_t       total;
    size_t       len;            /* of the line */
    size_t       ntext;          /* printable, of the last line */
    char         line[WH_SMTP_LINE];
    char         text[WH_SMTP_TEXT];
} wh_smtp_reply_t;


typedef enum {
    WH_SMTP_STARTTLS_AUTO = 0,   /* when it is offered */
    WH_SMTP_STARTTLS_REQUIRED,
    WH_SMTP_STARTTLS_OFF
} wh_smtp_starttls_e;


/* what is to be done next */

typedef enum {
    WH_SMTP_SEND = 0,            /* what was put into "out"; a reply follows */
    WH_SMTP_TLS,                 /* a handshake, then wh_smtp_secured() */
    WH_SMTP_MESSAGE,             /* the message; a reply follows */
    WH_SMTP_DONE,                /* it was taken; "out" has the farewell */
    WH_SMTP_FAILED               /* why and code say more */
} wh_smtp_next_e;


typedef enum {
    WH_SMTP_WHY_NONE = 0,
    WH_SMTP_WHY_REFUSED,         /* by the reply "code" */
    WH_SMTP_WHY_TLS,             /* there is none, but it is required */
    WH_SMTP_WHY_AUTH_TLS,        /* a password is not sent without it */
    WH_SMTP_WHY_AUTH,            /* no way of authentication we know */
    WH_SMTP_WHY_INJECTED,        /* something in the clear after STARTTLS */
    WH_SMTP_WHY_BROKEN           /* that was no reply */
} wh_smtp_why_e;


typedef struct {
    /* set by the caller */
    wh_str_t             helo;      /* name of this host */
    wh_str_t             from;      /* addresses, see wh_mail_address_ok() */
    wh_str_t             to;
    wh_str_t             user;      /* empty: no authentication */
    wh_str_t             password;
    wh_smtp_starttls_e   starttls;
    unsigned             utf8:1;    /* the message has octets above 127 */

    /* the rest zeroed */
    unsigned             state;
    unsigned             secure:1;
    unsigned             offers_tls:1;
    unsigned             offers_plain:1;
    unsigned             offers_login:1;
    unsigned             offers_8bit:1;
    wh_smtp_why_e        why;
    unsigned             code;      /* of the reply that was too much */
    const char          *step;      /* what was being done, for a log */
    wh_smtp_reply_t      reply;
} wh_smtp_t;


/*
 * Reads n octets, up to the end of a line; *used are those that were.
 * WH_OK: it is whole, and if r->last is set, so is the reply; WH_AGAIN: more
 * is needed; WH_ERROR: that is no reply, or too long.
 */
int wh_smtp_read(wh_smtp_reply_t *r, const char *p, size_t n, size_t *used);

/*
 * The same for a session: called with all that the server has sent so far.
 * When a reply is whole, or is none, WH_OK and *next; what is to be sent has
 * been put into "out".  WH_AGAIN as above; WH_NOMEM, WH_LIMIT: the buffer's.
 */
int wh_smtp_feed(wh_smtp_t *s, const char *p, size_t n, wh_buf_t *out,
    wh_smtp_next_e *next);

/* after the handshake: WH_OK, "out" has what is to be sent; or as above */
int wh_smtp_secured(wh_smtp_t *s, wh_buf_t *out);

/* true when what is sent now, and its answer, could tell our password */
int wh_smtp_secret(const wh_smtp_t *s);


#endif /* _WH_SMTP_H_INCLUDED_ */
