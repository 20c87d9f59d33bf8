
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What has waited for longest, of each endpoint.  Its lanes are in a tree by
 * the commit of their first delivery, or an earlier one: what ends makes a lane
 * younger, and that is put right only when it would be the oldest one.  So
 * nothing is to be done for a delivery that comes behind others, or ends.
 */


#include "ngx_http_webhook_local.h"


#define NGX_HTTP_WEBHOOK_OLDEST_TRIES  256    /* lanes put right at a time */


static ngx_http_webhook_item_t *ngx_http_webhook_oldest_item(
    ngx_http_webhook_lane_t *lane);


void
ngx_http_webhook_oldest_come(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item)
{
    ngx_rbtree_key_t              time;
    ngx_http_webhook_lane_t      *lane;
    ngx_http_webhook_endpoint_t  *ep;

    lane = item->lane;
    ep = lane->endpoint;
    time = (ngx_rbtree_key_t) item->core.progress.time;

    if (ep == NULL || (lane->aging && lane->age.key <= time)) {
        return;
    }

    ngx_http_webhook_oldest_forget(lane);

    if (ep->ages.root == NULL) {
        ngx_rbtree_init(&ep->ages, &ep->no_age, ngx_rbtree_insert_value);
    }

    lane->age.key = time;
    lane->aging = 1;
    ngx_rbtree_insert(&ep->ages, &lane->age);

    if (!ep->ages_told) {
        ep->ages_told = 1;
        ngx_queue_insert_tail(&st->aging, &ep->aging);
    }
}


void
ngx_http_webhook_oldest_forget(ngx_http_webhook_lane_t *lane)
{
    if (lane->aging) {
        lane->aging = 0;
        ngx_rbtree_delete(&lane->endpoint->ages, &lane->age);
    }
}


static ngx_http_webhook_item_t *
ngx_http_webhook_oldest_item(ngx_http_webhook_lane_t *lane)
{
    wh_queue_t  *q;

    if (wh_queue_empty(&lane->core.items)) {
        return NULL;
    }

    q = wh_queue_head(&lane->core.items);

    return wh_queue_data(q, ngx_http_webhook_item_t, core.queue);
}


ngx_http_webhook_lane_t *
ngx_http_webhook_oldest_lane(ngx_http_webhook_endpoint_t *ep)
{
    ngx_uint_t                n;
    ngx_rbtree_key_t          time;
    ngx_rbtree_node_t        *node;
    ngx_http_webhook_item_t  *item;
    ngx_http_webhook_lane_t  *lane;

    for (n = 0; ep->ages.root != ep->ages.sentinel; n++) {

        node = ngx_rbtree_min(ep->ages.root, ep->ages.sentinel);
        lane = ngx_rbtree_data(node, ngx_http_webhook_lane_t, age);

        /* a few more are put right the next time */

        if (n == NGX_HTTP_WEBHOOK_OLDEST_TRIES) {
            return lane;
        }

        item = ngx_http_webhook_oldest_item(lane);

        if (item == NULL) {
            ngx_http_webhook_oldest_forget(lane);
            continue;
        }

        time = (ngx_rbtree_key_t) item->core.progress.time;

        if (node->key >= time) {
            return lane;
        }

        ngx_rbtree_delete(&ep->ages, node);
        node->key = time;
        ngx_rbtree_insert(&ep->ages, node);
    }

    return NULL;
}


ngx_http_webhook_lane_t *
ngx_http_webhook_oldest_next(ngx_http_webhook_lane_t *lane)
{
    ngx_rbtree_node_t  *node;

    node = ngx_rbtree_next(&lane->endpoint->ages, &lane->age);

    return node ? ngx_rbtree_data(node, ngx_http_webhook_lane_t, age) : NULL;
}


void
ngx_http_webhook_oldest_tell(ngx_http_webhook_store_t *st)
{
    ngx_queue_t                  *q, *next;
    ngx_http_webhook_lane_t      *lane;
    ngx_http_webhook_endpoint_t  *ep;

    for (q = ngx_queue_head(&st->aging);
         q != ngx_queue_sentinel(&st->aging);
         q = next)
    {
        next = ngx_queue_next(q);
        ep = ngx_queue_data(q, ngx_http_webhook_endpoint_t, aging);

        lane = ngx_http_webhook_oldest_lane(ep);

        wh_part_age(ngx_http_webhook_backlog_part(st, ep),
                    lane ? lane->age.key : 0);

        if (lane == NULL) {
            ep->ages_told = 0;
            ngx_queue_remove(q);
        }
    }
}
