
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * A handler of lines is called by ngx_conf_parse() behind each line, and "{"
 * is an error there.  So what opens a block is taken off the input here,
 * before the parser looks at it: in front of the first line, and behind each
 * line.  Words and quotes are the parser's own.
 */


#include "ngx_http_webhook_block.h"


#define ngx_http_webhook_block_space(c)                                       \
    ((c) == ' ' || (c) == '\t' || (c) == CR || (c) == LF)


typedef struct {
    const ngx_http_webhook_block_t  *block;
    void                            *data;
} ngx_http_webhook_block_ctx_t;


static char *ngx_http_webhook_block_line(ngx_conf_t *cf, ngx_command_t *dummy,
    void *conf);
static char *ngx_http_webhook_block_blocks(ngx_conf_t *cf,
    ngx_http_webhook_block_ctx_t *ctx);
static ngx_int_t ngx_http_webhook_block_name(ngx_conf_t *cf, ngx_str_t *name);
static ngx_int_t ngx_http_webhook_block_skip(ngx_conf_t *cf);
static ngx_int_t ngx_http_webhook_block_fill(ngx_conf_t *cf, size_t n);
static char *ngx_http_webhook_block_include(ngx_conf_t *cf,
    ngx_http_webhook_block_ctx_t *ctx);
static char *ngx_http_webhook_block_file(ngx_conf_t *cf,
    ngx_http_webhook_block_ctx_t *ctx, ngx_str_t *name);
static ngx_int_t ngx_http_webhook_block_read(ngx_conf_t *cf, ngx_file_t *file,
    ngx_buf_t *b);
static ngx_int_t ngx_http_webhook_block_dump(ngx_conf_t *cf, ngx_str_t *name,
    ngx_buf_t *b);


char *
ngx_http_webhook_block_parse(ngx_conf_t *cf,
    const ngx_http_webhook_block_t *block, void *data)
{
    char                          *rv;
    ngx_conf_t                     save;
    ngx_http_webhook_block_ctx_t   ctx;

    ctx.block = block;
    ctx.data = data;

    save = *cf;
    cf->handler = ngx_http_webhook_block_line;
    cf->handler_conf = (void *) &ctx;

    rv = ngx_http_webhook_block_blocks(cf, &ctx);

    if (rv == NGX_CONF_OK) {
        rv = ngx_conf_parse(cf, NULL);
    }

    *cf = save;

    return rv;
}


static char *
ngx_http_webhook_block_line(ngx_conf_t *cf, ngx_command_t *dummy, void *conf)
{
    ngx_http_webhook_block_ctx_t *ctx = conf;

    char       *rv;
    ngx_str_t  *value;

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[0].data, "include") == 0) {
        rv = ngx_http_webhook_block_include(cf, ctx);

    } else {
        rv = ctx->block->line(cf, ctx->data);
    }

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return ngx_http_webhook_block_blocks(cf, ctx);
}


/* all blocks up to the next line, or the end */

static char *
ngx_http_webhook_block_blocks(ngx_conf_t *cf,
    ngx_http_webhook_block_ctx_t *ctx)
{
    char        *rv;
    ngx_buf_t   *b;
    ngx_int_t    rc;
    ngx_str_t   *name;
    ngx_uint_t   i;

    name = ctx->block->names;
    b = cf->conf_file->buffer;

    for ( ;; ) {

        if (ngx_http_webhook_block_skip(cf) == NGX_ERROR) {
            return NGX_CONF_ERROR;
        }

        for (i = 0; name[i].len; i++) {
            rc = ngx_http_webhook_block_name(cf, &name[i]);

            if (rc == NGX_ERROR) {
                return NGX_CONF_ERROR;
            }

            if (rc == NGX_OK) {
                break;
            }
        }

        if (name[i].len == 0) {
            return NGX_CONF_OK;
        }

        b->pos += name[i].len;

        rc = ngx_http_webhook_block_skip(cf);

        if (rc == NGX_ERROR) {
            return NGX_CONF_ERROR;
        }

        if (rc != NGX_OK || *b->pos != '{') {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" must be followed by \"{\", as a value "
                               "it must have quotes", &name[i]);
            return NGX_CONF_ERROR;
        }

        b->pos++;

        rv = ctx->block->open(cf, i, ctx->data);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }
}


static ngx_int_t
ngx_http_webhook_block_name(ngx_conf_t *cf, ngx_str_t *name)
{
    u_char     *p;
    ngx_int_t   rc;

    rc = ngx_http_webhook_block_fill(cf, name->len + 1);

    if (rc != NGX_OK) {
        return rc;
    }

    p = cf->conf_file->buffer->pos;

    if (ngx_strncmp(p, name->data, name->len) != 0) {
        return NGX_DECLINED;
    }

    p += name->len;

    return (*p == '{' || ngx_http_webhook_block_space(*p)) ? NGX_OK
                                                           : NGX_DECLINED;
}


/* space and comments; NGX_DECLINED: up to the end of the file */

static ngx_int_t
ngx_http_webhook_block_skip(ngx_conf_t *cf)
{
    u_char      ch;
    ngx_buf_t  *b;
    ngx_int_t   rc;
    ngx_uint_t  comment;

    comment = 0;
    b = cf->conf_file->buffer;

    for ( ;; ) {
        rc = ngx_http_webhook_block_fill(cf, 1);

        if (rc != NGX_OK) {
            return rc;
        }

        ch = *b->pos;

        if (ch == LF) {
            cf->conf_file->line++;
            comment = 0;

        } else if (ch == '#') {
            comment = 1;

        } else if (!comment && !ngx_http_webhook_block_space(ch)) {
            return NGX_OK;
        }

        b->pos++;
    }
}


/* as the parser reads; NGX_DECLINED: there are no n octets any more */

static ngx_int_t
ngx_http_webhook_block_fill(ngx_conf_t *cf, size_t n)
{
    off_t        rest;
    size_t       len, size;
    ssize_t      rc;
    ngx_buf_t   *b, *dump;
    ngx_file_t  *file;

    b = cf->conf_file->buffer;
    file = &cf->conf_file->file;

    len = b->last - b->pos;

    if (len >= n) {
        return NGX_OK;
    }

    rest = ngx_file_size(&file->info) - file->offset;

    if (rest <= 0) {
        return NGX_DECLINED;
    }

    ngx_memmove(b->start, b->pos, len);

    b->pos = b->start;
    b->last = b->start + len;

    size = b->end - b->last;
    size = (size_t) ngx_min((off_t) size, rest);

    rc = ngx_read_file(file, b->last, size, file->offset);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if ((size_t) rc != size) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           ngx_read_file_n " returned only %z bytes instead "
                           "of %uz", rc, size);
        return NGX_ERROR;
    }

    dump = cf->conf_file->dump;

    if (dump) {
        dump->last = ngx_cpymem(dump->last, b->last, size);
    }

    b->last += size;

    return len + size >= n ? NGX_OK : NGX_DECLINED;
}


/* as ngx_conf_include() does, but files may begin with a block, too */

static char *
ngx_http_webhook_block_include(ngx_conf_t *cf,
    ngx_http_webhook_block_ctx_t *ctx)
{
    char        *rv;
    ngx_str_t   *value, file, name;
    ngx_glob_t   gl;

    value = cf->args->elts;
    file = value[1];

    if (ngx_conf_full_name(cf->cycle, &file, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (strpbrk((char *) file.data, "*?[") == NULL) {
        return ngx_http_webhook_block_file(cf, ctx, &file);
    }

    ngx_memzero(&gl, sizeof(ngx_glob_t));

    gl.pattern = file.data;
    gl.log = cf->log;
    gl.test = 1;

    if (ngx_open_glob(&gl) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_glob_n " \"%s\" failed", file.data);
        return NGX_CONF_ERROR;
    }

    rv = NGX_CONF_OK;

    while (rv == NGX_CONF_OK && ngx_read_glob(&gl, &name) == NGX_OK) {

        /* with its NUL */

        file.len = name.len++;
        file.data = ngx_pstrdup(cf->pool, &name);

        if (file.data == NULL) {
            rv = NGX_CONF_ERROR;
            break;
        }

        rv = ngx_http_webhook_block_file(cf, ctx, &file);
    }

    ngx_close_glob(&gl);

    return rv;
}


static char *
ngx_http_webhook_block_file(ngx_conf_t *cf, ngx_http_webhook_block_ctx_t *ctx,
    ngx_str_t *name)
{
    char             *rv;
    ngx_buf_t         b;
    ngx_conf_file_t  *prev, conf_file;

    ngx_memzero(&b, sizeof(ngx_buf_t));
    ngx_memzero(&conf_file, sizeof(ngx_conf_file_t));

    conf_file.file.name = *name;
    conf_file.file.log = cf->log;
    conf_file.buffer = &b;
    conf_file.line = 1;

    conf_file.file.fd = ngx_open_file(name->data, NGX_FILE_RDONLY,
                                      NGX_FILE_OPEN, 0);

    if (conf_file.file.fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", name);
        return NGX_CONF_ERROR;
    }

    rv = NGX_CONF_ERROR;

    /* open until the end: a file that includes itself runs out of them */

    if (ngx_http_webhook_block_read(cf, &conf_file.file, &b) == NGX_OK) {
        prev = cf->conf_file;
        cf->conf_file = &conf_file;

        rv = ngx_http_webhook_block_blocks(cf, ctx);

        if (rv == NGX_CONF_OK) {
            rv = ngx_conf_parse(cf, NULL);
        }

        if (rv == NGX_CONF_OK && b.pos != b.last) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "unexpected \"}\"");
            rv = NGX_CONF_ERROR;
        }

        cf->conf_file = prev;
    }

    if (ngx_close_file(conf_file.file.fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", name);
    }

    return rv;
}


/*
 * The whole file, with the "}" behind it that the parser waits for: in front
 * of a file of its own it could not be stopped.
 */

static ngx_int_t
ngx_http_webhook_block_read(ngx_conf_t *cf, ngx_file_t *file, ngx_buf_t *b)
{
    size_t           size;
    ssize_t          n;
    ngx_file_info_t  fi;

    if (ngx_fd_info(file->fd, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_fd_info_n " \"%V\" failed", &file->name);
        return NGX_ERROR;
    }

    size = ngx_is_file(&fi) ? (size_t) ngx_file_size(&fi) : 0;

    b->start = ngx_pnalloc(cf->temp_pool, size + sizeof("\n}") - 1);
    if (b->start == NULL) {
        return NGX_ERROR;
    }

    n = ngx_read_file(file, b->start, size, 0);

    if (n == NGX_ERROR || (size_t) n != size) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, n == NGX_ERROR ? ngx_errno : 0,
                           ngx_read_file_n " \"%V\" failed", &file->name);
        return NGX_ERROR;
    }

    /* the size of file->info stays 0, there is nothing more to read */

    file->offset = 0;

    b->pos = b->start;
    b->last = b->start + size;

    if (ngx_http_webhook_block_dump(cf, &file->name, b) != NGX_OK) {
        return NGX_ERROR;
    }

    /* the last line may be a comment */

    if (size && b->last[-1] != LF) {
        *b->last++ = LF;
    }

    *b->last++ = '}';

    b->end = b->last;

    return NGX_OK;
}


/* "nginx -T" shows included files, each of them once */

static ngx_int_t
ngx_http_webhook_block_dump(ngx_conf_t *cf, ngx_str_t *name, ngx_buf_t *b)
{
    size_t            size;
    uint32_t          hash;
    ngx_str_node_t   *sn;
    ngx_conf_dump_t  *cd;

    hash = ngx_crc32_long(name->data, name->len);

    if (!ngx_dump_config
        || ngx_str_rbtree_lookup(&cf->cycle->config_dump_rbtree, name, hash))
    {
        return NGX_OK;
    }

    size = b->last - b->pos;

    sn = ngx_palloc(cf->temp_pool, sizeof(ngx_str_node_t));
    cd = ngx_array_push(&cf->cycle->config_dump);

    if (sn == NULL || cd == NULL) {
        return NGX_ERROR;
    }

    cd->name = *name;

    cd->buffer = ngx_create_temp_buf(cf->cycle->pool, size + 1);
    if (cd->buffer == NULL) {
        return NGX_ERROR;
    }

    cd->buffer->last = ngx_cpymem(cd->buffer->last, b->pos, size);

    sn->node.key = hash;
    sn->str = *name;

    ngx_rbtree_insert(&cf->cycle->config_dump_rbtree, &sn->node);

    return NGX_OK;
}
