
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_block.h"
#include "ngx_http_webhook_condition.h"
#include "wh_number.h"


#define NGX_HTTP_WEBHOOK_CONDITION_DEPTH  8

#define NGX_HTTP_WEBHOOK_CONDITION_OPERATORS                                  \
    "\"=\", \"!=\", \"~\", \"~*\", \"!~\", \"!~*\", \"<\", \"<=\", \">\", "   \
    "\">=\", \"exists\", \"!exists\" or \"in\""


/* words behind the operator */

#define NGX_HTTP_WEBHOOK_CONDITION_NONE   0
#define NGX_HTTP_WEBHOOK_CONDITION_ONE    1
#define NGX_HTTP_WEBHOOK_CONDITION_MORE   2    /* one or more */


typedef struct {
    ngx_str_t                      name;
    ngx_http_webhook_test_e        kind;
    ngx_uint_t                     words;
    ngx_uint_t                     compare;
    ngx_uint_t                     caseless;
    ngx_uint_t                     negative;
} ngx_http_webhook_operator_t;


typedef struct {
    ngx_http_webhook_condition_t  *condition;
    ngx_array_t                   *tests;      /* where lines are put */
    ngx_uint_t                     depth;
} ngx_http_webhook_condition_ctx_t;


static ngx_http_webhook_condition_t *ngx_http_webhook_condition_add(
    ngx_conf_t *cf, ngx_str_t *name);
static ngx_uint_t ngx_http_webhook_condition_name_ok(ngx_str_t *name);
static char *ngx_http_webhook_condition_open(ngx_conf_t *cf, ngx_uint_t i,
    void *data);
static char *ngx_http_webhook_condition_tests(ngx_conf_t *cf,
    ngx_http_webhook_condition_ctx_t *ctx, ngx_array_t *tests,
    ngx_uint_t depth);
static char *ngx_http_webhook_condition_line(ngx_conf_t *cf, void *data);
static ngx_http_webhook_operator_t *ngx_http_webhook_condition_operator(
    ngx_conf_t *cf);
static ngx_int_t ngx_http_webhook_condition_right(ngx_conf_t *cf,
    ngx_http_webhook_condition_t *condition, ngx_http_webhook_test_t *test);
static ngx_int_t ngx_http_webhook_condition_text(ngx_conf_t *cf,
    ngx_http_webhook_condition_t *condition, ngx_str_t *value,
    ngx_http_webhook_text_t *text);
static ngx_int_t ngx_http_webhook_condition_number(ngx_conf_t *cf,
    ngx_http_webhook_operator_t *op, ngx_str_t *value,
    ngx_http_webhook_text_t *text);
static ngx_int_t ngx_http_webhook_condition_regex(ngx_conf_t *cf,
    ngx_http_webhook_operator_t *op, ngx_str_t *pattern,
    ngx_http_webhook_test_t *test);


static ngx_http_webhook_operator_t  ngx_http_webhook_operators[] = {

    { ngx_string("="), NGX_HTTP_WEBHOOK_TEST_EQUAL,
      NGX_HTTP_WEBHOOK_CONDITION_ONE, 0, 0, 0 },

    { ngx_string("!="), NGX_HTTP_WEBHOOK_TEST_EQUAL,
      NGX_HTTP_WEBHOOK_CONDITION_ONE, 0, 0, 1 },

    { ngx_string("~"), NGX_HTTP_WEBHOOK_TEST_MATCH,
      NGX_HTTP_WEBHOOK_CONDITION_ONE, 0, 0, 0 },

    { ngx_string("~*"), NGX_HTTP_WEBHOOK_TEST_MATCH,
      NGX_HTTP_WEBHOOK_CONDITION_ONE, 0, 1, 0 },

    { ngx_string("!~"), NGX_HTTP_WEBHOOK_TEST_MATCH,
      NGX_HTTP_WEBHOOK_CONDITION_ONE, 0, 0, 1 },

    { ngx_string("!~*"), NGX_HTTP_WEBHOOK_TEST_MATCH,
      NGX_HTTP_WEBHOOK_CONDITION_ONE, 0, 1, 1 },

    { ngx_string("<"), NGX_HTTP_WEBHOOK_TEST_COMPARE,
      NGX_HTTP_WEBHOOK_CONDITION_ONE, NGX_HTTP_WEBHOOK_LESS, 0, 0 },

    { ngx_string("<="), NGX_HTTP_WEBHOOK_TEST_COMPARE,
      NGX_HTTP_WEBHOOK_CONDITION_ONE,
      NGX_HTTP_WEBHOOK_LESS|NGX_HTTP_WEBHOOK_SAME, 0, 0 },

    { ngx_string(">"), NGX_HTTP_WEBHOOK_TEST_COMPARE,
      NGX_HTTP_WEBHOOK_CONDITION_ONE, NGX_HTTP_WEBHOOK_GREATER, 0, 0 },

    { ngx_string(">="), NGX_HTTP_WEBHOOK_TEST_COMPARE,
      NGX_HTTP_WEBHOOK_CONDITION_ONE,
      NGX_HTTP_WEBHOOK_GREATER|NGX_HTTP_WEBHOOK_SAME, 0, 0 },

    { ngx_string("exists"), NGX_HTTP_WEBHOOK_TEST_EXISTS,
      NGX_HTTP_WEBHOOK_CONDITION_NONE, 0, 0, 0 },

    { ngx_string("!exists"), NGX_HTTP_WEBHOOK_TEST_EXISTS,
      NGX_HTTP_WEBHOOK_CONDITION_NONE, 0, 0, 1 },

    { ngx_string("in"), NGX_HTTP_WEBHOOK_TEST_EQUAL,
      NGX_HTTP_WEBHOOK_CONDITION_MORE, 0, 0, 0 },

    { ngx_null_string, NGX_HTTP_WEBHOOK_TEST_ANY, 0, 0, 0, 0 }
};


/* in the order of ngx_http_webhook_test_e */

static ngx_str_t  ngx_http_webhook_condition_blocks[] = {
    ngx_string("any"),
    ngx_string("all"),
    ngx_null_string
};


static ngx_http_webhook_block_t  ngx_http_webhook_condition_lines = {
    ngx_http_webhook_condition_blocks,
    ngx_http_webhook_condition_line,
    ngx_http_webhook_condition_open
};


char *
ngx_http_webhook_condition_block(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    char                              *rv;
    ngx_str_t                         *value;
    ngx_http_webhook_condition_t      *condition;
    ngx_http_webhook_condition_ctx_t   ctx;

    value = cf->args->elts;

    condition = ngx_http_webhook_condition_add(cf, &value[1]);
    if (condition == NULL) {
        return NGX_CONF_ERROR;
    }

    ctx.condition = condition;

    rv = ngx_http_webhook_condition_tests(cf, &ctx, &condition->test.tests, 0);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (condition->test.tests.nelts == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "webhook_condition \"$%V\" must have at least one "
                           "line as \"VALUE OPERATOR VALUE;\"",
                           &condition->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_http_webhook_condition_t *
ngx_http_webhook_condition_add(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_http_variable_t           *var;
    ngx_http_webhook_condition_t  *condition;

    if (!ngx_http_webhook_condition_name_ok(name)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid variable name \"%V\", "
                           "it must be like \"$name\"", name);
        return NULL;
    }

    condition = ngx_pcalloc(cf->pool, sizeof(ngx_http_webhook_condition_t));
    if (condition == NULL) {
        return NULL;
    }

    condition->name.len = name->len - 1;
    condition->name.data = name->data + 1;
    condition->test.kind = NGX_HTTP_WEBHOOK_TEST_ALL;

    /* not changeable: a later "set" or "map" of it is an error, too */

    var = ngx_http_add_variable(cf, &condition->name,
                                NGX_HTTP_VAR_NOCACHEABLE);
    if (var == NULL) {
        return NULL;
    }

    if (var->get_handler) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "variable \"$%V\" is already defined by another "
                           "directive", &condition->name);
        return NULL;
    }

    var->get_handler = ngx_http_webhook_condition_variable;
    var->data = (uintptr_t) condition;

    return condition;
}


static ngx_uint_t
ngx_http_webhook_condition_name_ok(ngx_str_t *name)
{
    u_char  c;
    size_t  i;

    if (name->len < 2 || name->data[0] != '$') {
        return 0;
    }

    for (i = 1; i < name->len; i++) {
        c = name->data[i];

        if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_'
            && (c < '0' || c > '9' || i == 1))
        {
            return 0;
        }
    }

    return 1;
}


static char *
ngx_http_webhook_condition_open(ngx_conf_t *cf, ngx_uint_t i, void *data)
{
    ngx_http_webhook_condition_ctx_t *ctx = data;

    ngx_str_t                *name;
    ngx_http_webhook_test_t  *test;

    name = &ngx_http_webhook_condition_blocks[i];

    if (ctx->depth == NGX_HTTP_WEBHOOK_CONDITION_DEPTH) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is nested deeper than %d levels",
                           name, NGX_HTTP_WEBHOOK_CONDITION_DEPTH);
        return NGX_CONF_ERROR;
    }

    test = ngx_array_push(ctx->tests);
    if (test == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(test, sizeof(ngx_http_webhook_test_t));

    test->kind = i;

    if (ngx_http_webhook_condition_tests(cf, ctx, &test->tests, ctx->depth + 1)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (test->tests.nelts == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must have at least one line as "
                           "\"VALUE OPERATOR VALUE;\"", name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_condition_tests(ngx_conf_t *cf,
    ngx_http_webhook_condition_ctx_t *ctx, ngx_array_t *tests,
    ngx_uint_t depth)
{
    ngx_http_webhook_condition_ctx_t  inner;

    if (ngx_array_init(tests, cf->pool, 4, sizeof(ngx_http_webhook_test_t))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    inner.condition = ctx->condition;
    inner.tests = tests;
    inner.depth = depth;

    return ngx_http_webhook_block_parse(cf, &ngx_http_webhook_condition_lines,
                                        &inner);
}


static char *
ngx_http_webhook_condition_line(ngx_conf_t *cf, void *data)
{
    ngx_http_webhook_condition_ctx_t *ctx = data;

    ngx_str_t                    *value;
    ngx_http_webhook_test_t      *test;
    ngx_http_webhook_operator_t  *op;

    op = ngx_http_webhook_condition_operator(cf);
    if (op == NULL) {
        return NGX_CONF_ERROR;
    }

    test = ngx_array_push(ctx->tests);
    if (test == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(test, sizeof(ngx_http_webhook_test_t));

    test->kind = op->kind;
    test->compare = op->compare;
    test->negative = op->negative;

    value = cf->args->elts;

    if (ngx_http_webhook_condition_text(cf, ctx->condition, &value[0],
                                        &test->left)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (op->kind == NGX_HTTP_WEBHOOK_TEST_EXISTS) {

        if (ngx_http_webhook_text_constant(&test->left)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "no variable in \"%V\", \"%V\" must have one "
                               "as \"$name\"", &value[0], &op->name);
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    if (op->kind == NGX_HTTP_WEBHOOK_TEST_MATCH) {

        if (ngx_http_webhook_condition_regex(cf, op, &value[2], test)
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    if (ngx_http_webhook_condition_right(cf, ctx->condition, test) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (op->kind == NGX_HTTP_WEBHOOK_TEST_COMPARE
        && (ngx_http_webhook_condition_number(cf, op, &value[0], &test->left)
            != NGX_OK
            || ngx_http_webhook_condition_number(cf, op, &value[2],
                                                 test->right.elts)
               != NGX_OK))
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_http_webhook_operator_t *
ngx_http_webhook_condition_operator(ngx_conf_t *cf)
{
    char                         *form;
    ngx_str_t                    *value;
    ngx_uint_t                    n;
    ngx_http_webhook_operator_t  *op;

    value = cf->args->elts;
    n = cf->args->nelts;

    if (n < 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no operator behind \"%V\", it must be one of "
                           NGX_HTTP_WEBHOOK_CONDITION_OPERATORS, &value[0]);
        return NULL;
    }

    for (op = ngx_http_webhook_operators; op->name.len; op++) {
        if (ngx_strcmp(value[1].data, op->name.data) == 0) {
            break;
        }
    }

    if (op->name.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown operator \"%V\", it must be one of "
                           NGX_HTTP_WEBHOOK_CONDITION_OPERATORS, &value[1]);
        return NULL;
    }

    switch (op->words) {

    case NGX_HTTP_WEBHOOK_CONDITION_NONE:
        if (n == 2) {
            return op;
        }

        form = "";
        break;

    case NGX_HTTP_WEBHOOK_CONDITION_ONE:
        if (n == 3) {
            return op;
        }

        form = " VALUE";
        break;

    default: /* NGX_HTTP_WEBHOOK_CONDITION_MORE */
        if (n >= 3) {
            return op;
        }

        form = " VALUE ...";
        break;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid number of words with \"%V\", it must be "
                       "\"VALUE %V%s\"", &op->name, &op->name, form);

    return NULL;
}


static ngx_int_t
ngx_http_webhook_condition_right(ngx_conf_t *cf,
    ngx_http_webhook_condition_t *condition, ngx_http_webhook_test_t *test)
{
    ngx_str_t                *value;
    ngx_uint_t                i;
    ngx_http_webhook_text_t  *text;

    value = cf->args->elts;

    if (ngx_array_init(&test->right, cf->pool, cf->args->nelts - 2,
                       sizeof(ngx_http_webhook_text_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {

        text = ngx_array_push(&test->right);
        if (text == NULL) {
            return NGX_ERROR;
        }

        if (ngx_http_webhook_condition_text(cf, condition, &value[i], text)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_condition_text(ngx_conf_t *cf,
    ngx_http_webhook_condition_t *condition, ngx_str_t *value,
    ngx_http_webhook_text_t *text)
{
    ngx_uint_t                i;
    ngx_http_webhook_part_t  *part;

    if (ngx_http_webhook_text_compile(cf, value, 0, NULL, text) != NGX_OK) {
        return NGX_ERROR;
    }

    part = text->parts;

    for (i = 0; i < text->nparts; i++) {

        if (part[i].kind == NGX_HTTP_WEBHOOK_PART_VARIABLE
            && part[i].text.len == condition->name.len
            && ngx_strncasecmp(part[i].text.data, condition->name.data,
                               condition->name.len)
               == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"$%V\" is used in its own condition, it must "
                               "be another variable", &condition->name);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_condition_number(ngx_conf_t *cf,
    ngx_http_webhook_operator_t *op, ngx_str_t *value,
    ngx_http_webhook_text_t *text)
{
    wh_str_t  s;

    if (!ngx_http_webhook_text_constant(text)) {
        return NGX_OK;
    }

    s.len = value->len;
    s.data = (char *) value->data;

    if (!wh_number_ok(s)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" with \"%V\" is not a number, it must be "
                           "one like \"-2.499\" or \"1e9\", or have a "
                           "variable", value, &op->name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_condition_regex(ngx_conf_t *cf,
    ngx_http_webhook_operator_t *op, ngx_str_t *pattern,
    ngx_http_webhook_test_t *test)
{
#if (NGX_PCRE)
    ngx_regex_compile_t  rc;
    u_char               errstr[NGX_MAX_CONF_ERRSTR];

    ngx_memzero(&rc, sizeof(ngx_regex_compile_t));

    rc.pattern = *pattern;
    rc.pool = cf->pool;
    rc.options = op->caseless ? NGX_REGEX_CASELESS : 0;
    rc.err.len = NGX_MAX_CONF_ERRSTR;
    rc.err.data = errstr;

    if (ngx_regex_compile(&rc) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" with \"%V\" must be a regular expression: "
                           "%V", pattern, &op->name, &rc.err);
        return NGX_ERROR;
    }

    test->regex = rc.regex;
    test->pattern = *pattern;

    return NGX_OK;

#else

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%V\" needs an nginx with the PCRE library",
                       &op->name);

    return NGX_ERROR;

#endif
}
