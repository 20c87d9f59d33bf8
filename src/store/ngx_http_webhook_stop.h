
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Built-in stop points of a test build: a process that reaches one stops
 * itself if there is a file of the point's name, which it removes.  In any
 * other build there are none.
 */


#ifndef _NGX_HTTP_WEBHOOK_STOP_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_STOP_H_INCLUDED_


#if (NGX_HTTP_WEBHOOK_STOP_POINTS)

static ngx_inline void
ngx_http_webhook_stop_point(char *name)
{
    char    *dir;
    u_char   path[NGX_MAX_PATH];

    dir = getenv("WEBHOOK_STOP_DIR");

    if (dir == NULL) {
        return;
    }

    ngx_snprintf(path, NGX_MAX_PATH, "%s/stop.%s%Z", dir, name);

    if (unlink((const char *) path) == 0) {
        (void) raise(SIGSTOP);
    }
}

#else

#define ngx_http_webhook_stop_point(name)

#endif


#endif /* _NGX_HTTP_WEBHOOK_STOP_H_INCLUDED_ */
