
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_local.h"
#include "ngx_http_webhook_payload_conf.h"
#include "ngx_http_webhook_lines.h"


static ngx_http_webhook_language_t *ngx_http_webhook_language_get(
    ngx_conf_t *cf, ngx_http_webhook_main_conf_t *wmcf, ngx_str_t *name);
static ngx_http_webhook_language_t *ngx_http_webhook_language_find(
    ngx_http_webhook_languages_t *languages, u_char *name, size_t len);
static ngx_http_webhook_languages_t *ngx_http_webhook_languages(
    ngx_conf_t *cf, ngx_http_webhook_main_conf_t *wmcf);
static char *ngx_http_webhook_translations_read(ngx_conf_t *cf,
    ngx_str_t *name, ngx_str_t *text, wh_catalogue_t *catalogue);
static void ngx_http_webhook_language_inherit(
    ngx_http_webhook_languages_t *languages,
    ngx_http_webhook_language_t *lang);
static char *ngx_http_webhook_language_missing(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_local_t *local);
static ngx_int_t ngx_http_webhook_language_decimal(ngx_conf_t *cf,
    ngx_http_webhook_language_t *lang);
static ngx_int_t ngx_http_webhook_language_date(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf, ngx_http_webhook_language_t *lang,
    ngx_uint_t n);
static void ngx_http_webhook_language_cleanup(void *data);


char *
ngx_http_webhook_translations(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_webhook_main_conf_t *wmcf = conf;

    ngx_str_t                    *value, name, text;
    ngx_conf_t                    temp;
    ngx_http_webhook_language_t  *lang;

    if (ngx_http_webhook_lines_add(cf, &wmcf->lines) == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    if (!wh_tag_ok((char *) value[1].data, value[1].len)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid language \"%V\" in \"%V\", it must be "
                           "like \"de\" or \"pt-BR\"", &value[1], &value[0]);
        return NGX_CONF_ERROR;
    }

    lang = ngx_http_webhook_language_get(cf, wmcf, &value[1]);
    if (lang == NULL) {
        return NGX_CONF_ERROR;
    }

    if (lang->own) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate \"%V\" of language \"%V\"",
                           &value[0], &value[1]);
        return NGX_CONF_ERROR;
    }

    lang->own = ngx_pcalloc(cf->pool, sizeof(wh_catalogue_t));
    if (lang->own == NULL) {
        return NGX_CONF_ERROR;
    }

    name = value[2];

    if (ngx_conf_full_name(cf->cycle, &name, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    /* the file itself is not kept */

    temp = *cf;
    temp.pool = cf->temp_pool;

    if (ngx_http_webhook_payload_read(&temp, &name, &text) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_webhook_translations_read(cf, &name, &text, lang->own);
}


static char *
ngx_http_webhook_translations_read(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *text, wh_catalogue_t *catalogue)
{
    int                    rc;
    u_char                *p, buf[NGX_INT_T_LEN + sizeof(":") - 1];
    wh_str_t               file;
    ngx_str_t              word;
    wh_alloc_t             mem;
    wh_catalogue_error_t   err;

    file.len = text->len;
    file.data = (char *) text->data;

    ngx_http_webhook_type_memory(&mem, cf->log);

    rc = wh_catalogue_read(catalogue, file, ngx_http_webhook_payload_grow,
                           cf->pool, &mem, &err);

    if (rc == WH_OK) {
        return NGX_CONF_OK;
    }

    if (rc != WH_ERROR) {
        return NGX_CONF_ERROR;
    }

    p = buf;

    if (err.column) {
        p = ngx_sprintf(buf, ":%uz", err.column);
    }

    word.len = err.name.len;
    word.data = (u_char *) err.name.data;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%V\":%uz%*s %s%s%V%s, it must be an object of "
                       "strings, or of such objects", name, err.line,
                       (size_t) (p - buf), buf, err.what,
                       word.len ? ": \"" : "", &word, word.len ? "\"" : "");

    return NGX_CONF_ERROR;
}


ngx_int_t
ngx_http_webhook_language_set(ngx_conf_t *cf, ngx_http_webhook_endpoint_t *ep,
    ngx_str_t *name)
{
    ngx_http_webhook_language_t  *lang;

    if (!wh_tag_ok((char *) name->data, name->len)) {
        return NGX_DECLINED;
    }

    lang = ngx_http_webhook_language_get(cf, ep->main, name);
    if (lang == NULL) {
        return NGX_ERROR;
    }

    ep->language = lang;

    if (lang->endpoint.len == 0) {
        lang->endpoint = ep->name;
        lang->file = cf->conf_file->file.name;
        lang->line = cf->conf_file->line;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_language_format(ngx_conf_t *cf,
    ngx_http_webhook_format_t *format)
{
    ngx_uint_t                     i;
    ngx_http_webhook_format_t     *f;
    ngx_http_webhook_main_conf_t  *wmcf;
    ngx_http_webhook_languages_t  *languages;

    wmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_webhook_module);

    languages = ngx_http_webhook_languages(cf, wmcf);
    if (languages == NULL) {
        return NGX_ERROR;
    }

    f = languages->formats.elts;

    for (i = 0; i < languages->formats.nelts; i++) {

        if (f[i].date == format->date
            && f[i].time == format->time
            && f[i].zone.len == format->zone.len
            && ngx_memcmp(f[i].zone.data, format->zone.data, f[i].zone.len)
               == 0)
        {
            return i;
        }
    }

    f = ngx_array_push(&languages->formats);
    if (f == NULL) {
        return NGX_ERROR;
    }

    *f = *format;

    return i;
}


char *
ngx_http_webhook_language_init(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf)
{
    wh_str_t                        tag;
    ngx_uint_t                      i;
    ngx_http_webhook_language_t   **lang;
    ngx_http_webhook_languages_t   *languages;

    languages = wmcf->languages;

    if (languages == NULL) {
        return NGX_CONF_OK;
    }

    lang = languages->list.elts;

    for (i = 0; i < languages->list.nelts; i++) {
        ngx_http_webhook_language_inherit(languages, lang[i]);

        if (lang[i]->endpoint.len == 0 || lang[i]->catalogue) {
            continue;
        }

        tag.len = lang[i]->name.len;
        tag.data = (char *) lang[i]->name.data;

        if (wh_locale_find(tag) == WH_OK) {
            continue;
        }

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "unknown language \"%V\" in webhook_endpoint \"%V\", "
                      "it must %s in %V:%ui",
                      &lang[i]->name, &lang[i]->endpoint,
                      wh_locale_available()
                      ? "be one of ICU's, as \"de\" or \"pt-BR\", or have a "
                        "\"webhook_translations\""
                      : "have a \"webhook_translations\" (the module is built "
                        "without ICU)",
                      &lang[i]->file, lang[i]->line);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_webhook_language_use(ngx_conf_t *cf, ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_payload_t *payload, ngx_uint_t surely)
{
    ngx_int_t                     rc;
    ngx_http_webhook_local_t     *local;
    ngx_http_webhook_language_t  *lang;

    if (payload == NULL) {
        return NGX_CONF_OK;
    }

    lang = ep->language;

    for (local = payload->fields.locals; local; local = local->next) {

        if (lang == NULL) {
            rc = NGX_DECLINED;

        } else if (local->translate) {
            rc = lang->catalogue ? NGX_OK : NGX_DECLINED;

        } else if (local->field->type == NGX_HTTP_WEBHOOK_TYPE_NUMBER_TEXT) {
            rc = ngx_http_webhook_language_decimal(cf, lang);

        } else {
            rc = ngx_http_webhook_language_date(cf, ep->main, lang,
                                                local->format);
        }

        if (rc == NGX_ERROR) {
            return NGX_CONF_ERROR;
        }

        if (rc == NGX_DECLINED && surely) {
            return ngx_http_webhook_language_missing(cf, ep, local);
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_language_missing(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_local_t *local)
{
    ngx_http_webhook_field_t  *field;

    field = local->field;

    if (ep->language == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "field \"%V\" in %s:%ui needs a \"language\" in "
                      "webhook_endpoint \"%V\" in %V:%ui",
                      &field->name, field->file, field->line, &ep->name,
                      &ep->file, ep->line);

    } else if (local->translate) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "field \"%V\" in %s:%ui needs a "
                      "\"webhook_translations\" of language \"%V\" of "
                      "webhook_endpoint \"%V\" in %V:%ui",
                      &field->name, field->file, field->line,
                      &ep->language->name, &ep->name, &ep->file, ep->line);

    } else {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "field \"%V\" in %s:%ui needs a language of ICU's, "
                      "as \"de\" or \"pt-BR\", not \"%V\" of "
                      "webhook_endpoint \"%V\" in %V:%ui",
                      &field->name, field->file, field->line,
                      &ep->language->name, &ep->name, &ep->file, ep->line);
    }

    return NGX_CONF_ERROR;
}


static ngx_int_t
ngx_http_webhook_language_decimal(ngx_conf_t *cf,
    ngx_http_webhook_language_t *lang)
{
    int            rc;
    wh_str_t       tag;
    wh_decimal_t  *d;

    if (lang->decimal) {
        return NGX_OK;
    }

    d = ngx_palloc(cf->pool, sizeof(wh_decimal_t));
    if (d == NULL) {
        return NGX_ERROR;
    }

    tag.len = lang->name.len;
    tag.data = (char *) lang->name.data;

    rc = wh_locale_decimal(tag, d);

    if (rc == WH_NOMEM) {
        return NGX_ERROR;
    }

    if (rc != WH_OK) {
        return NGX_DECLINED;
    }

    lang->decimal = d;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_language_date(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf, ngx_http_webhook_language_t *lang,
    ngx_uint_t n)
{
    wh_str_t                    tag, zone;
    ngx_array_t                *formats;
    ngx_pool_cleanup_t         *cln;
    ngx_http_webhook_format_t  *f;

    formats = &wmcf->languages->formats;

    if (lang->dates == NULL) {
        lang->dates = ngx_pcalloc(cf->pool,
                                  formats->nelts * sizeof(wh_date_t *));
        if (lang->dates == NULL) {
            return NGX_ERROR;
        }
    }

    if (lang->dates[n]) {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    f = formats->elts;
    f += n;

    tag.len = lang->name.len;
    tag.data = (char *) lang->name.data;
    zone.len = f->zone.len;
    zone.data = (char *) f->zone.data;

    lang->dates[n] = wh_date_open(tag, f->date, f->time, zone);

    if (lang->dates[n] == NULL) {
        return NGX_DECLINED;
    }

    cln->handler = ngx_http_webhook_language_cleanup;
    cln->data = lang->dates[n];

    return NGX_OK;
}


static void
ngx_http_webhook_language_cleanup(void *data)
{
    wh_date_close(data);
}


/* the nearest one of "de-AT", "de" */

static void
ngx_http_webhook_language_inherit(ngx_http_webhook_languages_t *languages,
    ngx_http_webhook_language_t *lang)
{
    size_t                        n;
    wh_catalogue_t               *found;
    ngx_http_webhook_language_t  *other;

    found = NULL;
    n = lang->name.len;

    while (found == NULL) {
        n = wh_tag_parent((char *) lang->name.data, n);

        if (n == 0) {
            break;
        }

        other = ngx_http_webhook_language_find(languages, lang->name.data, n);

        if (other) {
            found = other->own;
        }
    }

    if (lang->own) {
        lang->own->parent = found;
        found = lang->own;
    }

    lang->catalogue = found;
}


static ngx_http_webhook_language_t *
ngx_http_webhook_language_get(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf, ngx_str_t *name)
{
    ngx_http_webhook_language_t   *lang, **p;
    ngx_http_webhook_languages_t  *languages;

    languages = ngx_http_webhook_languages(cf, wmcf);
    if (languages == NULL) {
        return NULL;
    }

    lang = ngx_http_webhook_language_find(languages, name->data, name->len);
    if (lang) {
        return lang;
    }

    lang = ngx_pcalloc(cf->pool, sizeof(ngx_http_webhook_language_t));
    if (lang == NULL) {
        return NULL;
    }

    lang->name = *name;

    p = ngx_array_push(&languages->list);
    if (p == NULL) {
        return NULL;
    }

    *p = lang;

    return lang;
}


static ngx_http_webhook_language_t *
ngx_http_webhook_language_find(ngx_http_webhook_languages_t *languages,
    u_char *name, size_t len)
{
    ngx_uint_t                     i;
    ngx_http_webhook_language_t  **lang;

    lang = languages->list.elts;

    for (i = 0; i < languages->list.nelts; i++) {

        if (lang[i]->name.len == len
            && ngx_strncasecmp(lang[i]->name.data, name, len) == 0)
        {
            return lang[i];
        }
    }

    return NULL;
}


static ngx_http_webhook_languages_t *
ngx_http_webhook_languages(ngx_conf_t *cf, ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_http_webhook_languages_t  *languages;

    if (wmcf->languages) {
        return wmcf->languages;
    }

    languages = ngx_palloc(cf->pool, sizeof(ngx_http_webhook_languages_t));
    if (languages == NULL) {
        return NULL;
    }

    if (ngx_array_init(&languages->list, cf->pool, 4, sizeof(void *)) != NGX_OK
        || ngx_array_init(&languages->formats, cf->pool, 4,
                          sizeof(ngx_http_webhook_format_t))
           != NGX_OK)
    {
        return NULL;
    }

    wmcf->languages = languages;

    return languages;
}
