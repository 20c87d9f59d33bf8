
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Names of languages.
 */


#ifndef _WH_TAG_H_INCLUDED_
#define _WH_TAG_H_INCLUDED_


#include "wh.h"


#define WH_TAG_MAX  35     /* octets */


/*
 * 1 if the octets are a language as of BCP 47 (RFC 5646) without extensions:
 * "de", "pt-BR", "zh-Hant-TW".  Whether there is such a one is not looked at.
 */
int wh_tag_ok(const char *p, size_t n);

/*
 * Octets of the next more general language, "pt" of "pt-BR"; 0: there is
 * none.
 */
size_t wh_tag_parent(const char *p, size_t n);


#endif /* _WH_TAG_H_INCLUDED_ */
