
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_kept.h"

#include <zlib.h>


/* in the machine's order; behind it windows, each with a head of its own */

typedef struct {
    uint32_t    version;
    uint32_t    crc;             /* of all behind it */
    uint64_t    len;             /* of the record */
    uint64_t    nwindows;
    uint64_t    row;
    uint64_t    failing;
    wh_state_t  state;
    uint64_t    quota;
    uint64_t    noticed;
    uint64_t    changes;
} wh_kept_head_t;


typedef struct {
    wh_tag_t    tag;
    uint64_t    len;
} wh_kept_part_t;


static uint32_t wh_kept_crc(const char *p, size_t len);


static uint32_t
wh_kept_crc(const char *p, size_t len)
{
    size_t  skip;

    skip = offsetof(wh_kept_head_t, len);

    return (uint32_t) crc32_z(WH_KEPT_VERSION, (const Bytef *) p + skip,
                              len - skip);
}


int
wh_kept_newer(const wh_kept_t *k, const wh_state_t *state, uint64_t changes)
{
    return wh_state_newer(&k->state, state) || k->changes > changes;
}


void
wh_kept_add(wh_kept_t *k, const wh_tag_t *tag, const wh_window_t *w)
{
    wh_kept_window_t  *window;

    if (k->nwindows == WH_KEPT_WINDOWS) {
        return;
    }

    window = &k->windows[k->nwindows++];

    window->tag = *tag;
    window->len = wh_window_octets(w);
    window->data = w;
}


size_t
wh_kept_size(const wh_kept_t *k)
{
    size_t    size;
    uint32_t  i;

    size = sizeof(wh_kept_head_t);

    for (i = 0; i < k->nwindows; i++) {
        size += sizeof(wh_kept_part_t) + k->windows[i].len;
    }

    return size;
}


void
wh_kept_put(const wh_kept_t *k, char *p)
{
    char            *start;
    uint32_t         i;
    wh_kept_head_t   head;
    wh_kept_part_t   part;

    start = p;

    memset(&head, 0, sizeof(wh_kept_head_t));
    memset(&part, 0, sizeof(wh_kept_part_t));

    head.version = WH_KEPT_VERSION;
    head.len = wh_kept_size(k);
    head.nwindows = k->nwindows;
    head.row = k->row;
    head.failing = k->failing;
    head.quota = k->quota;
    head.changes = k->changes;
    head.state = k->state;
    head.noticed = k->noticed;

    p += sizeof(wh_kept_head_t);

    for (i = 0; i < k->nwindows; i++) {
        part.tag = k->windows[i].tag;
        part.len = k->windows[i].len;

        memcpy(p, &part, sizeof(wh_kept_part_t));
        p += sizeof(wh_kept_part_t);

        p += wh_window_put(k->windows[i].data, p, k->windows[i].len);
    }

    memcpy(start, &head, sizeof(wh_kept_head_t));

    head.crc = wh_kept_crc(start, (size_t) head.len);

    memcpy(start, &head, sizeof(wh_kept_head_t));
}


int
wh_kept_get(const char *p, size_t len, wh_kept_t *k)
{
    uint32_t           i;
    wh_kept_head_t     head;
    wh_kept_part_t     part;
    wh_kept_window_t  *window;

    if (len < sizeof(wh_kept_head_t)) {
        return WH_ERROR;
    }

    memcpy(&head, p, sizeof(wh_kept_head_t));

    if (head.version != WH_KEPT_VERSION || head.len != len
        || head.nwindows > WH_KEPT_WINDOWS
        || head.crc != wh_kept_crc(p, len)
        || (head.state.number && !wh_state_whole(&head.state)))
    {
        return WH_ERROR;
    }

    memset(k, 0, sizeof(wh_kept_t));

    if (head.state.number) {
        k->state = head.state;
    }

    k->row = head.row;
    k->failing = head.failing;
    k->quota = head.quota;
    k->noticed = head.noticed;
    k->changes = head.changes;
    k->nwindows = (uint32_t) head.nwindows;

    p += sizeof(wh_kept_head_t);
    len -= sizeof(wh_kept_head_t);

    for (i = 0; i < k->nwindows; i++) {

        if (len < sizeof(wh_kept_part_t)) {
            return WH_ERROR;
        }

        memcpy(&part, p, sizeof(wh_kept_part_t));
        p += sizeof(wh_kept_part_t);
        len -= sizeof(wh_kept_part_t);

        if (part.len > len
            || wh_window_check(p, (size_t) part.len) != WH_OK)
        {
            return WH_ERROR;
        }

        window = &k->windows[i];

        window->tag = part.tag;
        window->len = (size_t) part.len;
        window->data = p;

        p += part.len;
        len -= (size_t) part.len;
    }

    return len ? WH_ERROR : WH_OK;
}


void
wh_kept_windows(const wh_kept_t *k, const wh_line_t *lines, uint32_t n)
{
    int                      which[WH_KEPT_WINDOWS];
    uint32_t                 i;
    wh_tag_t                 wanted[WH_KEPT_WINDOWS], tags[WH_KEPT_WINDOWS];
    const wh_kept_window_t  *window;

    n = n < WH_KEPT_WINDOWS ? n : WH_KEPT_WINDOWS;

    memset(wanted, 0, sizeof(wanted));
    memset(tags, 0, sizeof(tags));

    for (i = 0; i < n; i++) {
        wanted[i] = lines[i].tag;
    }

    for (i = 0; i < k->nwindows; i++) {
        tags[i] = k->windows[i].tag;
    }

    wh_tag_match(wanted, n, tags, k->nwindows, which);

    for (i = 0; i < n; i++) {

        if (which[i] < 0 || lines[i].window == NULL) {
            continue;
        }

        window = &k->windows[which[i]];

        (void) wh_window_copy(lines[i].window, window->data, window->len);
    }
}
