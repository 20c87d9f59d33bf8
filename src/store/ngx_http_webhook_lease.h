
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Kernel locks and wake-ups.  Locks are those of an open file description
 * (F_OFD_SETLK): the kernel drops them with the last descriptor, so they tell
 * the living from the dead without a heartbeat, and a binary upgrade inherits
 * the master's.
 */


#ifndef _NGX_HTTP_WEBHOOK_LEASE_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_LEASE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* octets of the lock file; 1 to WH_SLOTS - 1 are the workers' */

#define NGX_HTTP_WEBHOOK_LOCK_MASTER     0
#define NGX_HTTP_WEBHOOK_LOCK_WAREHOUSE  1024


/* NGX_OK: locked (or was ours); NGX_BUSY: another's; NGX_ERROR */
ngx_int_t ngx_http_webhook_lease_try(int fd, off_t octet);
void ngx_http_webhook_lease_drop(int fd, off_t octet);

/* is anybody else holding one of n octets?  NGX_BUSY: yes; NGX_OK: no */
ngx_int_t ngx_http_webhook_lease_test(int fd, off_t octet, off_t n);

/*
 * The master's descriptor of a lock file: one inherited over exec() or kept
 * from the last configuration, else a new one; locked.  NGX_INVALID_FILE
 * with *busy set when another nginx has it; *fresh: it is a new one.
 */
int ngx_http_webhook_lease_master(u_char *path, ngx_uint_t *busy,
    ngx_uint_t *fresh, ngx_log_t *log);


#endif /* _NGX_HTTP_WEBHOOK_LEASE_H_INCLUDED_ */
