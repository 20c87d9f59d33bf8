# ngx_http_webhook_module: what is made of files that are not in C

cat << END                                                    >> $NGX_MAKEFILE

$NGX_OBJS/addon/admin/ngx_http_webhook_api_openapi.o: \\
	$NGX_OBJS/ngx_http_webhook_openapi.h

$NGX_OBJS/ngx_http_webhook_openapi.h: $ngx_addon_dir/src/admin/openapi.json
	od -An -v -tu1 $ngx_addon_dir/src/admin/openapi.json \\
		| sed 's/[0-9][0-9]*/&,/g' > \$@

END
