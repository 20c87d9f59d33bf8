
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_array.h"


static size_t wh_array_space(wh_str_t text, size_t pos);
static size_t wh_array_value(wh_str_t text, size_t pos);
static size_t wh_array_string(wh_str_t text, size_t pos);


int
wh_array_next(wh_str_t text, size_t *pos, wh_str_t *element)
{
    int     first;
    size_t  p, end;

    p = wh_array_space(text, *pos);
    first = (*pos == 0);

    if (first) {

        if (p == text.len || text.data[p] != '[') {
            *pos = p;
            return WH_ERROR;
        }

        p = wh_array_space(text, p + 1);
    }

    if (p < text.len && text.data[p] == ']') {
        p = wh_array_space(text, p + 1);

        *pos = p;

        return p == text.len ? WH_AGAIN : WH_ERROR;
    }

    if (!first) {

        if (p == text.len || text.data[p] != ',') {
            *pos = p;
            return WH_ERROR;
        }

        p = wh_array_space(text, p + 1);
    }

    end = wh_array_value(text, p);

    *pos = end;

    if (end == p) {
        return WH_ERROR;
    }

    element->data = text.data + p;
    element->len = end - p;

    return WH_OK;
}


int
wh_array_is(wh_str_t text)
{
    size_t  p;

    p = wh_array_space(text, 0);

    return p < text.len && text.data[p] == '[';
}


static size_t
wh_array_space(wh_str_t text, size_t pos)
{
    while (pos < text.len
           && (text.data[pos] == ' ' || text.data[pos] == '\t'
               || text.data[pos] == '\r' || text.data[pos] == '\n'))
    {
        pos++;
    }

    return pos;
}


/* the end of the value: before a "," or a bracket that is not of the value */

static size_t
wh_array_value(wh_str_t text, size_t pos)
{
    size_t  depth, end;

    depth = 0;
    end = pos;

    while (pos < text.len) {

        switch (text.data[pos]) {

        case '"':
            pos = wh_array_string(text, pos + 1);
            end = pos;
            continue;

        case '[':
        case '{':
            depth++;
            break;

        case ']':
        case '}':
            if (depth == 0) {
                return end;
            }

            depth--;
            break;

        case ',':
            if (depth == 0) {
                return end;
            }

            break;

        case ' ':
        case '\t':
        case '\r':
        case '\n':
            pos++;
            continue;
        }

        pos++;
        end = pos;
    }

    return end;
}


/* after the closing quote, or the end of the text */

static size_t
wh_array_string(wh_str_t text, size_t pos)
{
    while (pos < text.len) {

        switch (text.data[pos]) {

        case '"':
            return pos + 1;

        case '\\':
            pos += (pos + 1 < text.len) ? 2 : 1;
            break;

        default:
            pos++;
        }
    }

    return pos;
}
