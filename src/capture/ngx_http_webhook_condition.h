
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * "webhook_condition $var { ... }"
 */


#ifndef _NGX_HTTP_WEBHOOK_CONDITION_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_CONDITION_H_INCLUDED_


#include "ngx_http_webhook_text.h"


typedef enum {
    NGX_HTTP_WEBHOOK_TEST_ANY = 0,
    NGX_HTTP_WEBHOOK_TEST_ALL,
    NGX_HTTP_WEBHOOK_TEST_EQUAL,              /* to any of "right" */
    NGX_HTTP_WEBHOOK_TEST_MATCH,
    NGX_HTTP_WEBHOOK_TEST_COMPARE,
    NGX_HTTP_WEBHOOK_TEST_EXISTS
} ngx_http_webhook_test_e;


/* of numbers: bits of NGX_HTTP_WEBHOOK_TEST_COMPARE */

#define NGX_HTTP_WEBHOOK_LESS     0x1
#define NGX_HTTP_WEBHOOK_SAME     0x2
#define NGX_HTTP_WEBHOOK_GREATER  0x4


typedef struct {
    ngx_http_webhook_test_e       kind;
    ngx_uint_t                    compare;    /* the bits for which it holds */
    ngx_array_t                   tests;      /* ..._test_t of ANY, ALL */
    ngx_http_webhook_text_t       left;
    ngx_array_t                   right;      /* ..._text_t */
#if (NGX_PCRE)
    ngx_regex_t                  *regex;
#endif
    ngx_str_t                     pattern;
    unsigned                      negative:1;
} ngx_http_webhook_test_t;


typedef struct {
    ngx_str_t                     name;       /* of the variable, no "$" */
    ngx_http_webhook_test_t       test;       /* of the kind ALL */

    /* it is evaluated now; evaluating is never interrupted by another one */
    unsigned                      busy:1;
} ngx_http_webhook_condition_t;


/* the directive */
char *ngx_http_webhook_condition_block(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* handler of the variable, "data" is an ngx_http_webhook_condition_t */
ngx_int_t ngx_http_webhook_condition_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


#endif /* _NGX_HTTP_WEBHOOK_CONDITION_H_INCLUDED_ */
