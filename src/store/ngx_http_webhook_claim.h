
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Claims: of the same event, interval or id, which worker was the first.  See
 * wh_claim.h; a claim outlives reloads, upgrades and any kill.
 *
 * A claim is taken, the record is appended, and the claim is ended, all in
 * one turn of the event loop and without I/O between.  A worker that is
 * killed between the append and the end leaves a void claim: the next event
 * is one too many.
 */


#ifndef _NGX_HTTP_WEBHOOK_CLAIM_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_CLAIM_H_INCLUDED_


#include "ngx_http_webhook_store.h"


typedef struct {
    uint64_t   key[2];
    uint64_t   until;       /* ms since the epoch, the caller's to set */
    void      *entry;       /* from take to end */
} ngx_http_webhook_claim_t;


/*
 * Makes the key of n parts; no other sequence of parts gives the same one,
 * whoever chooses them.
 */
void ngx_http_webhook_claim_key(ngx_http_webhook_claim_t *c, ngx_str_t *parts,
    ngx_uint_t n);

/* true: a take would be NGX_BUSY.  "now" is in ms since the epoch */
ngx_uint_t ngx_http_webhook_claim_held(ngx_http_webhook_store_t *st,
    ngx_http_webhook_claim_t *c, uint64_t now);

/*
 * NGX_OK        taken until c->until (366 days ahead at most); to be ended
 * NGX_BUSY      held: somebody was first, or this very request has it
 * NGX_AGAIN     not taken: another worker is at it and does not go on; go on
 *               without, or try later
 * NGX_DECLINED  not taken, go on without: claims are out of order (which was
 *               logged)
 */
ngx_int_t ngx_http_webhook_claim_take(ngx_http_webhook_store_t *st,
    ngx_http_webhook_claim_t *c, uint64_t now);

/*
 * After NGX_OK only, and always: the record was appended, or ("committed" is
 * 0) it was not, and the next one may be the first.
 */
void ngx_http_webhook_claim_end(ngx_http_webhook_store_t *st,
    ngx_http_webhook_claim_t *c, ngx_uint_t committed);


#endif /* _NGX_HTTP_WEBHOOK_CLAIM_H_INCLUDED_ */
