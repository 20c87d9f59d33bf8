
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_pointer.h"
#include "wh_utf8.h"


static void wh_pointer_index(wh_pointer_node_t *node);


int
wh_pointer_check(wh_str_t p, size_t *offset)
{
    size_t  i;

    for (i = 0; i < p.len; i++) {

        if (i == 0 && p.data[0] != '/') {
            *offset = 0;
            return WH_ERROR;
        }

        if (p.data[i] == '~'
            && (i + 1 == p.len
                || (p.data[i + 1] != '0' && p.data[i + 1] != '1')))
        {
            *offset = i;
            return WH_ERROR;
        }
    }

    i = wh_utf8_valid(p.data, p.len);

    if (i < p.len) {
        *offset = i;
        return WH_ERROR;
    }

    return WH_OK;
}


int
wh_pointers_compile(wh_pointers_t *set, const wh_str_t *ptrs,
    const unsigned char *flags, size_t n, void *(*alloc)(void *ctx, size_t),
    void *ctx, size_t *bad)
{
    char                     *text;
    size_t                    i, k, len, nodes, octets, start, offset;
    wh_pointer_node_t        *node, *last, *free_node;
    wh_pointer_item_t        *item;
    const wh_pointer_node_t  *child;

    nodes = 1;
    octets = 1;

    for (i = 0; i < n; i++) {

        if (wh_pointer_check(ptrs[i], &offset) != WH_OK) {
            *bad = i;
            return WH_ERROR;
        }

        for (k = 0; k < ptrs[i].len; k++) {
            nodes += (ptrs[i].data[k] == '/');
        }

        /* the same text may be given many times */

        if (ptrs[i].len > SIZE_MAX - octets) {
            return WH_NOMEM;
        }

        octets += ptrs[i].len;
    }

    if (nodes > SIZE_MAX / sizeof(wh_pointer_node_t)
        || n >= SIZE_MAX / sizeof(wh_pointer_item_t))
    {
        return WH_NOMEM;
    }

    set->n = n;
    set->max_token = 0;

    set->root = alloc(ctx, nodes * sizeof(wh_pointer_node_t));
    set->items = alloc(ctx, (n + 1) * sizeof(wh_pointer_item_t));
    text = alloc(ctx, octets);

    if (set->root == NULL || set->items == NULL || text == NULL) {
        return WH_NOMEM;
    }

    memset(set->root, 0, nodes * sizeof(wh_pointer_node_t));

    set->root->token.data = text;
    free_node = set->root + 1;

    for (i = 0; i < n; i++) {
        node = set->root;
        k = 0;

        while (k < ptrs[i].len) {

            /* at a "/" */

            start = ++k;
            len = 0;

            for ( /* void */ ; k < ptrs[i].len; k++) {

                if (ptrs[i].data[k] == '/') {
                    break;
                }

                if (ptrs[i].data[k] == '~') {
                    k++;
                    text[len++] = ptrs[i].data[k] == '0' ? '~' : '/';
                    continue;
                }

                text[len++] = ptrs[i].data[k];
            }

            child = wh_pointer_member(node, text, len);

            if (child) {
                node = set->root + (child - set->root);
                continue;
            }

            free_node->token.data = text;
            free_node->token.len = len;
            free_node->parent = node;
            wh_pointer_index(free_node);

            text += k - start;

            if (node->child == NULL) {
                node->child = free_node;

            } else {
                for (last = node->child; last->next; last = last->next) {
                    /* void */
                }

                last->next = free_node;
            }

            if (len > set->max_token) {
                set->max_token = len;
            }

            node = free_node++;
        }

        item = &set->items[i];

        item->raw = (flags && (flags[i] & WH_JSON_RAW));
        item->next = node->items;
        node->items = item;
    }

    return WH_OK;
}


const wh_pointer_node_t *
wh_pointer_member(const wh_pointer_node_t *node, const char *p, size_t n)
{
    const wh_pointer_node_t  *child;

    for (child = node->child; child; child = child->next) {

        if (child->token.len == n
            && (n == 0 || memcmp(child->token.data, p, n) == 0))
        {
            return child;
        }
    }

    return NULL;
}


const wh_pointer_node_t *
wh_pointer_element(const wh_pointer_node_t *node, uint64_t index)
{
    const wh_pointer_node_t  *child;

    for (child = node->child; child; child = child->next) {

        if (child->is_index && child->index == index) {
            return child;
        }
    }

    return NULL;
}


/* RFC 6901, section 4: digits without leading zeros; "-" is no element */

static void
wh_pointer_index(wh_pointer_node_t *node)
{
    char      c;
    size_t    i;
    uint64_t  v;

    v = 0;

    for (i = 0; i < node->token.len; i++) {
        c = node->token.data[i];

        if (c < '0' || c > '9' || (i == 1 && v == 0)
            || v > (UINT64_MAX - 9) / 10)
        {
            return;
        }

        v = v * 10 + (uint64_t) (c - '0');
    }

    node->index = v;
    node->is_index = (i != 0);
}
