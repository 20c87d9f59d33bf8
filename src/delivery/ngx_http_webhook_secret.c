
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_secret.h"

#include "wh_escape.h"


#define NGX_HTTP_WEBHOOK_SECRET_MAX  65536


static char *ngx_http_webhook_secret_parts(ngx_conf_t *cf,
    ngx_http_webhook_text_t *text);
static ngx_int_t ngx_http_webhook_secret_line(ngx_conf_t *cf,
    ngx_str_t *text);
static ngx_int_t ngx_http_webhook_secret_env(ngx_conf_t *cf,
    ngx_str_t *value, ngx_str_t *secret);
static ngx_int_t ngx_http_webhook_secret_file(ngx_conf_t *cf,
    ngx_str_t *value, ngx_str_t *secret);


char *
ngx_http_webhook_secret_value(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_webhook_header_t *h)
{
    ngx_http_webhook_text_t  *text;

    if (ngx_strlchr(value->data, value->data + value->len, '$')
        && ngx_strncmp(value->data, "file:", 5) != 0)
    {
        text = ngx_http_webhook_text_create(cf, value,
                                            NGX_HTTP_WEBHOOK_TEXT_CAPTURES
                                            |NGX_HTTP_WEBHOOK_TEXT_EVENT
                                            |NGX_HTTP_WEBHOOK_TEXT_ATTEMPT);
        if (text == NULL) {
            return NGX_CONF_ERROR;
        }

        if (!ngx_http_webhook_text_constant(text)) {
            h->text = text;
            return ngx_http_webhook_secret_parts(cf, text);
        }

        /* there are but dollars in it: it is as secret as any literal */

        value = &text->parts[0].text;
    }

    if (ngx_http_webhook_secret(cf, value, &h->literal) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    h->secret = 1;

    return NGX_CONF_OK;
}


/* what stands between variables would make each value a bad one */

static char *
ngx_http_webhook_secret_parts(ngx_conf_t *cf, ngx_http_webhook_text_t *text)
{
    ngx_uint_t                i;
    ngx_http_webhook_part_t  *part;

    part = text->parts;

    for (i = 0; i < text->nparts; i++) {

        if (part[i].kind == NGX_HTTP_WEBHOOK_PART_LITERAL
            && ngx_http_webhook_secret_line(cf, &part[i].text) != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_webhook_secret(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *secret)
{
    if (ngx_strncmp(value->data, "file:", 5) == 0) {
        return ngx_http_webhook_secret_file(cf, value, secret);
    }

    *secret = *value;

    if (ngx_strncmp(value->data, "env:", 4) == 0
        && ngx_http_webhook_secret_env(cf, value, secret) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_webhook_secret_line(cf, secret);
}


static ngx_int_t
ngx_http_webhook_secret_line(ngx_conf_t *cf, ngx_str_t *text)
{
    if (wh_header_value_ok((char *) text->data, text->len)) {
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "control character in the value of \"%V\", it must "
                       "be one line of text", (ngx_str_t *) cf->args->elts);

    return NGX_ERROR;
}


/*
 * The environment here is that which nginx was started in.  What "env" sets
 * will be in that of workers, and is for them.
 */

static ngx_int_t
ngx_http_webhook_secret_env(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *secret)
{
    char             *p;
    size_t            len;
    ngx_str_t        *env;
    ngx_uint_t        i;
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);

    len = value->len - 4;
    p = getenv((char *) value->data + 4);

    env = ccf->env.elts;

    for (i = 0; i < ccf->env.nelts; i++) {

        /* the length is that of the name, the value follows if there is "=" */

        if (env[i].len == len
            && ngx_strncmp(env[i].data, value->data + 4, len) == 0
            && env[i].data[len] == '=')
        {
            p = (char *) env[i].data + len + 1;
            break;
        }
    }

    if (p == NULL || *p == '\0') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the environment variable of \"%V\" is not set",
                           value);
        return NGX_ERROR;
    }

    secret->len = ngx_strlen(p);
    secret->data = ngx_pnalloc(cf->pool, secret->len);
    if (secret->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(secret->data, p, secret->len);

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_secret_file(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *secret)
{
    size_t            size;
    ssize_t           n;
    ngx_fd_t          fd;
    ngx_int_t         rc;
    ngx_str_t         path;
    ngx_file_info_t   fi;

    path.data = value->data + 5;
    path.len = value->len - 5;

    if (path.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "no path in \"%V\"", value);
        return NGX_ERROR;
    }

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(path.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", &path);
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_fd_info_n " \"%V\" failed", &path);
        goto done;
    }

    if (!ngx_is_file(&fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not a regular file", &path);
        goto done;
    }

    if (ngx_file_size(&fi) > NGX_HTTP_WEBHOOK_SECRET_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is larger than %d octets", &path,
                           NGX_HTTP_WEBHOOK_SECRET_MAX);
        goto done;
    }

    size = (size_t) ngx_file_size(&fi);

    secret->data = ngx_pnalloc(cf->pool, size + 1);
    if (secret->data == NULL) {
        goto done;
    }

    n = ngx_read_fd(fd, secret->data, size);

    if (n == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_read_fd_n " \"%V\" failed", &path);
        goto done;
    }

    if (n && secret->data[n - 1] == LF) {
        n--;

        if (n && secret->data[n - 1] == CR) {
            n--;
        }
    }

    secret->len = n;

    if (n == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is empty", &path);
        goto done;
    }

    if (!wh_header_value_ok((char *) secret->data, secret->len)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" has more than one line, "
                           "or a control character", &path);
        goto done;
    }

    if (ngx_file_access(&fi) & S_IROTH) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"%V\" can be read by everybody", &path);
    }

    rc = NGX_OK;

done:

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_ALERT, cf, ngx_errno,
                           ngx_close_file_n " \"%V\" failed", &path);
    }

    return rc;
}
