
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * A condition, evaluated for a request.
 */


#include "ngx_http_webhook_condition.h"
#include "wh_number.h"


/* all of them return 1, 0, or NGX_ERROR: no memory */

static ngx_int_t ngx_http_webhook_test(ngx_http_request_t *r,
    ngx_http_webhook_test_t *test);
static ngx_int_t ngx_http_webhook_test_all(ngx_http_request_t *r,
    ngx_array_t *tests, ngx_int_t go_on);
static ngx_int_t ngx_http_webhook_test_equal(ngx_http_request_t *r,
    ngx_http_webhook_test_t *test, ngx_str_t *left);
static ngx_int_t ngx_http_webhook_test_match(ngx_http_request_t *r,
    ngx_http_webhook_test_t *test, ngx_str_t *left);
static ngx_int_t ngx_http_webhook_test_compare(ngx_http_request_t *r,
    ngx_http_webhook_test_t *test, ngx_str_t *left);


ngx_int_t
ngx_http_webhook_condition_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_webhook_condition_t *condition =
                                        (ngx_http_webhook_condition_t *) data;

    ngx_int_t  rc;

    /*
     * Also through other variables.  nginx would end this, too, at a depth of
     * 100, which is too late for a condition that uses itself twice.
     */

    if (condition->busy) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "webhook_condition \"$%V\" depends on itself",
                      &condition->name);
        return NGX_ERROR;
    }

    condition->busy = 1;

    rc = ngx_http_webhook_test(r, &condition->test);

    condition->busy = 0;

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    v->len = 1;
    v->data = (u_char *) (rc ? "1" : "0");
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_test(ngx_http_request_t *r, ngx_http_webhook_test_t *test)
{
    ngx_int_t  rc;
    ngx_str_t  left;

    switch (test->kind) {

    case NGX_HTTP_WEBHOOK_TEST_ANY:
        return ngx_http_webhook_test_all(r, &test->tests, 0);

    case NGX_HTTP_WEBHOOK_TEST_ALL:
        return ngx_http_webhook_test_all(r, &test->tests, 1);

    default:
        break;
    }

    rc = ngx_http_webhook_text_get(r, NULL, &test->left, NGX_MAX_SIZE_T_VALUE,
                                   &left);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    switch (test->kind) {

    case NGX_HTTP_WEBHOOK_TEST_EXISTS:
        return (rc == NGX_OK) != test->negative;

    case NGX_HTTP_WEBHOOK_TEST_MATCH:
        return ngx_http_webhook_test_match(r, test, &left);

    case NGX_HTTP_WEBHOOK_TEST_COMPARE:
        return ngx_http_webhook_test_compare(r, test, &left);

    default: /* NGX_HTTP_WEBHOOK_TEST_EQUAL */
        return ngx_http_webhook_test_equal(r, test, &left);
    }
}


/* up to the first result that is not "go_on" */

static ngx_int_t
ngx_http_webhook_test_all(ngx_http_request_t *r, ngx_array_t *tests,
    ngx_int_t go_on)
{
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_http_webhook_test_t  *test;

    test = tests->elts;

    for (i = 0; i < tests->nelts; i++) {
        rc = ngx_http_webhook_test(r, &test[i]);

        if (rc != go_on) {
            return rc;
        }
    }

    return go_on;
}


static ngx_int_t
ngx_http_webhook_test_equal(ngx_http_request_t *r,
    ngx_http_webhook_test_t *test, ngx_str_t *left)
{
    ngx_str_t                 right;
    ngx_uint_t                i;
    ngx_http_webhook_text_t  *text;

    text = test->right.elts;

    for (i = 0; i < test->right.nelts; i++) {

        if (ngx_http_webhook_text_get(r, NULL, &text[i], NGX_MAX_SIZE_T_VALUE,
                                      &right)
            == NGX_ERROR)
        {
            return NGX_ERROR;
        }

        if (left->len == right.len
            && ngx_memcmp(left->data, right.data, right.len) == 0)
        {
            return !test->negative;
        }
    }

    return test->negative;
}


/*
 * Captures are not taken: they would overwrite those of the request, which a
 * text that has this condition in it may be just about to copy.
 */

static ngx_int_t
ngx_http_webhook_test_match(ngx_http_request_t *r,
    ngx_http_webhook_test_t *test, ngx_str_t *left)
{
#if (NGX_PCRE)
    ngx_int_t  rc;

    rc = ngx_regex_exec(test->regex, left, NULL, 0);

    if (rc == NGX_REGEX_NO_MATCHED) {
        return test->negative;
    }

    if (rc < 0) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      ngx_regex_exec_n " failed: %i on a value of %uz octets "
                      "using \"%V\", the line of \"webhook_condition\" is "
                      "false", rc, left->len, &test->pattern);
        return 0;
    }

    return !test->negative;

#else

    return 0;

#endif
}


static ngx_int_t
ngx_http_webhook_test_compare(ngx_http_request_t *r,
    ngx_http_webhook_test_t *test, ngx_str_t *left)
{
    int        rc;
    wh_str_t   a, b;
    ngx_str_t  right;

    a.len = left->len;
    a.data = (char *) left->data;

    if (!wh_number_ok(a)) {
        return 0;
    }

    if (ngx_http_webhook_text_get(r, NULL, test->right.elts,
                                  NGX_MAX_SIZE_T_VALUE, &right)
        == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    b.len = right.len;
    b.data = (char *) right.data;

    if (!wh_number_ok(b)) {
        return 0;
    }

    rc = wh_number_compare(a, b);

    return (test->compare & (rc < 0 ? NGX_HTTP_WEBHOOK_LESS
                                    : rc > 0 ? NGX_HTTP_WEBHOOK_GREATER
                                             : NGX_HTTP_WEBHOOK_SAME))
           != 0;
}
