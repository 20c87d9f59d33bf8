
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#ifndef _WH_ADDRESS_H_INCLUDED_
#define _WH_ADDRESS_H_INCLUDED_


#include "wh.h"


/*
 * 1 if an address is one of the public Internet, by IANA's registries of
 * special purposes: of IPv4 what is in no block for other uses, of IPv6
 * 2000::/3 without such blocks.  An IPv4 address mapped into IPv6 is what it
 * is in IPv4.  Transition mechanisms that lead to an IPv4 address (NAT64,
 * 6to4, Teredo) are not public, whatever that address is.
 *
 * "n" is 4 or 16 octets in network order; any other number is not public.
 */
int wh_address_public(const unsigned char *addr, size_t n);


#endif /* _WH_ADDRESS_H_INCLUDED_ */
